//! The command: arguments to `cli`, nothing else.

fn main() {}
