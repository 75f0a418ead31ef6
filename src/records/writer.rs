//! [`Writer`]: writes the fields of an object of JSON, one after the other.

use std::fmt::Write as _;

use crate::records::names::Names;

/// Writes the fields of one object.
#[derive(Debug)]
pub(super) struct Writer<'a> {
    out: &'a mut String,
    pub(super) names: &'a Names,
    /// True when what a person could be known by is written.
    pub(super) is_personal: bool,
    is_first: bool,
}

impl<'a> Writer<'a> {
    /// A writer of the first field of an object that is open in `out`.
    pub(super) const fn new(out: &'a mut String, names: &'a Names, is_personal: bool) -> Self {
        Self { out, names, is_personal, is_first: true }
    }

    pub(super) fn number(&mut self, name: &str, value: u64) {
        self.key(name);
        write!(self.out, "{value}").expect("writing to a string succeeds");
    }

    pub(super) fn signed(&mut self, name: &str, value: i64) {
        self.key(name);
        write!(self.out, "{value}").expect("writing to a string succeeds");
    }

    pub(super) fn flag(&mut self, name: &str, value: bool) {
        self.key(name);
        self.out.push_str(if value { "true" } else { "false" });
    }

    pub(super) fn null(&mut self, name: &str) {
        self.key(name);
        self.out.push_str("null");
    }

    pub(super) fn text(&mut self, name: &str, value: &str) {
        self.key(name);
        self.quote(value);
    }

    /// An object of its own, which `fields` writes.
    pub(super) fn object(&mut self, name: &str, fields: impl FnOnce(&mut Self)) {
        self.key(name);
        self.out.push('{');
        self.is_first = true;
        fields(self);
        self.out.push('}');
        self.is_first = false;
    }

    fn key(&mut self, name: &str) {
        if !std::mem::take(&mut self.is_first) {
            self.out.push(',');
        }
        self.quote(name);
        self.out.push(':');
    }

    /// Text between quotation marks (RFC 8259, section 7).
    fn quote(&mut self, text: &str) {
        self.out.push('"');
        for character in text.chars() {
            match character {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                control if control < ' ' => {
                    write!(self.out, "\\u{:04x}", control as u32).expect("writing to a string succeeds");
                }
                other => self.out.push(other),
            }
        }
        self.out.push('"');
    }
}
