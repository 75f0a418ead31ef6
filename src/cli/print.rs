//! Printing results and tables on standard output, and errors on standard error.

use std::io::Write;

/// Prints text as it is. A reader that has gone (`| head`) is no error.
pub(super) fn out(text: &str) {
    let mut stdout = std::io::stdout().lock();
    drop(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()));
}

/// Prints text on standard error, where standard output belongs to a result.
pub(super) fn aside(text: &str) {
    drop(std::io::stderr().lock().write_all(text.as_bytes()));
}

/// Prints an error line.
pub(super) fn error(line: &str) {
    drop(writeln!(std::io::stderr().lock(), "strowger: {line}"));
}

/// A table with a header; numbers stand to the right, words to the left.
pub(super) fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| places(cell));
        cells.chain([places(header[column])]).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let is_number = |column: usize| {
        let number = |cell: &str| cell.chars().next().is_none_or(|c| c.is_ascii_digit() || c == '-');
        rows.iter().filter_map(|row| row.get(column)).all(|cell| number(cell))
    };
    let right: Vec<bool> = (0..header.len()).map(|column| !rows.is_empty() && is_number(column)).collect();
    let mut text = String::new();
    let titles: Vec<String> = header.iter().map(ToString::to_string).collect();
    for row in std::iter::once(&titles).chain(rows) {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let pad = " ".repeat(widths[column] - places(cell));
            let (before, after) = if right[column] { (pad.as_str(), "") } else { ("", pad.as_str()) };
            line.push_str(before);
            line.push_str(cell);
            line.push_str(after);
            line.push_str("  ");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Places that a text takes on a terminal: a Chinese character takes two.
pub(super) fn places(text: &str) -> usize {
    ratatui::text::Span::raw(text).width()
}

/// Seconds as people read them: `0:07`, `12:30`, `1:02:03`.
pub(super) fn clock(seconds: f64) -> String {
    // Negative or absurd values cannot come from the engine; the cast saturates.
    let whole = seconds as u64;
    let (hours, minutes, seconds) = (whole / 3600, whole / 60 % 60, whole % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_with_numbers_to_the_right() {
        let rows = vec![vec!["support".to_string(), "7".to_string()], vec!["vip".to_string(), "120".to_string()]];
        assert_eq!(table(&["queue", "waiting"], &rows), "queue    waiting\nsupport        7\nvip          120\n");
    }

    #[test]
    fn a_wide_character_takes_two_places() {
        let rows = vec![vec!["客服".to_string(), "a".to_string()], vec!["vip".to_string(), "b".to_string()]];
        assert_eq!(table(&["queue", "x"], &rows), "queue  x\n客服   a\nvip    b\n");
    }

    #[test]
    fn seconds_read_as_a_clock() {
        assert_eq!(clock(7.9), "0:07");
        assert_eq!(clock(750.0), "12:30");
        assert_eq!(clock(3723.0), "1:02:03");
    }
}
