//! Tests of reading, checking and writing together: the published torture messages, and properties that hold for any bytes.

mod properties;
mod torture;
