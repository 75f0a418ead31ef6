//! Runs one case so many times: `hot-once CASE COUNT`. `benches/instructions` runs it under an instruction counter, twice, so
//! that what prepares the case falls out. Without a case it lists them.

mod cases;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, count] = arguments.as_slice() else {
        #[expect(clippy::print_stdout, reason = "the list is what was asked for")]
        {
            println!("{}", [&cases::NAMES[..], &cases::GROWING].concat().join("\n"));
        }
        return ExitCode::SUCCESS;
    };
    let (Some(mut case), Ok(count)) = (cases::case(name, |engine| engine()), count.parse::<u32>()) else {
        return ExitCode::from(2);
    };
    if cases::GROWING.contains(&name.as_str()) && count > cases::GROWN_MAX {
        return ExitCode::from(2);
    }
    (0..count).for_each(|_| case());
    ExitCode::SUCCESS
}
