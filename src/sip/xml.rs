//! Documents in XML from a neighbour, walked from element to element. Whoever writes one is not trusted: size and depth are
//! bounded, entities are never expanded, and a document type declaration is refused.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use thiserror::Error;

use crate::base::limits::DEVICE_DOCUMENT_BYTES_MAX;

/// Elements within elements: RFC 4235 and RFC 4480 have five levels, extensions of them two more.
pub(super) const DEPTH_MAX: usize = 16;
/// The longest attribute that is read, and the longest text of an element that is kept.
pub(super) const TEXT_BYTES_MAX: usize = 256;

/// Why a document cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Unreadable {
    /// More than `limits::DEVICE_DOCUMENT_BYTES_MAX`.
    #[error("too long a document")]
    Long,
    /// Not well formed.
    #[error("no well-formed XML")]
    Xml,
    /// A document type declaration, which nothing here needs.
    #[error("a document type declaration")]
    Doctype,
    /// Elements within elements without end.
    #[error("too deep a document")]
    Deep,
    /// More than `limits::DIALOGS_MAX` dialogs, or `limits::PRESENCE_PARTS_MAX` parts of a presence.
    #[error("too many dialogs or tuples")]
    Crowded,
    /// Another document.
    #[error("another document than was asked for")]
    Root,
    /// A dialog without its id or state, or a word that means nothing.
    #[error("a dialog that says nothing")]
    Dialog,
    /// A basic status that is neither open nor closed.
    #[error("a basic status that is neither open nor closed")]
    Basic,
}

/// Who reads a document: what begins, is said and ends in it. The root is at depth 1.
pub(super) trait Visitor {
    /// An element begins.
    fn open(&mut self, depth: usize, element: &BytesStart<'_>) -> Result<(), Unreadable>;

    /// Text of the element at this depth, which may come in pieces.
    fn read(&mut self, depth: usize, text: &str);

    /// An element ends.
    fn close(&mut self, depth: usize) -> Result<(), Unreadable>;
}

/// Walks a body.
///
/// # Errors
/// What is wrong with it, for whatever document, or for this visitor.
pub(super) fn walk(body: &[u8], visitor: &mut impl Visitor) -> Result<(), Unreadable> {
    if body.len() > DEVICE_DOCUMENT_BYTES_MAX {
        return Err(Unreadable::Long);
    }
    let text = String::from_utf8_lossy(body);
    let mut reader = Reader::from_str(&text);
    let mut depth = 0_usize;
    loop {
        match reader.read_event().map_err(|_| Unreadable::Xml)? {
            Event::Start(element) => {
                depth += 1;
                open(depth, &element, visitor)?;
            }
            Event::Empty(element) => {
                open(depth + 1, &element, visitor)?;
                visitor.close(depth + 1)?;
            }
            Event::End(_) => {
                visitor.close(depth)?;
                // The reader refuses an end that nothing began.
                depth = depth.saturating_sub(1);
            }
            Event::Text(text) => visitor.read(depth, &text),
            Event::CData(text) => visitor.read(depth, &text),
            Event::DocType(_) => return Err(Unreadable::Doctype),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::GeneralRef(_) => {}
            Event::Eof => break,
        }
    }
    if depth > 0 { Err(Unreadable::Xml) } else { Ok(()) }
}

fn open(depth: usize, element: &BytesStart<'_>, visitor: &mut impl Visitor) -> Result<(), Unreadable> {
    if depth > DEPTH_MAX { Err(Unreadable::Deep) } else { visitor.open(depth, element) }
}

/// The text of the one element that is waited for, and what it says.
#[derive(Debug)]
pub(super) struct Awaited<T> {
    of: Option<T>,
    depth: usize,
    text: String,
}

impl<T> Default for Awaited<T> {
    fn default() -> Self {
        Self { of: None, depth: 0, text: String::new() }
    }
}

impl<T> Awaited<T> {
    /// The element at this depth has begun.
    pub(super) fn expect(&mut self, of: T, depth: usize) {
        self.of = Some(of);
        self.depth = depth;
        self.text.clear();
    }

    /// Text of the element at this depth; of what is too long, the rest is left out.
    pub(super) fn read(&mut self, depth: usize, text: &str) {
        if self.of.is_some() && self.depth == depth && self.text.len() + text.len() <= TEXT_BYTES_MAX {
            self.text.push_str(text);
        }
    }

    /// The element at this depth ends; `None`: another one is waited for, or none.
    pub(super) fn take(&mut self, depth: usize) -> Option<(T, &str)> {
        if self.depth != depth {
            return None;
        }
        self.of.take().map(|of| (of, self.text.trim()))
    }
}
