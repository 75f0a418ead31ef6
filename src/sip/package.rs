//! The event packages by which a PBX tells what a device does, and what is known of one by either.

use super::dialog_info::{self, Activity, Dialogs, Gap};
use super::pidf::{self, Presence};
use super::value::MediaType;
use super::xml::Unreadable;

/// An event package (RFC 6665 4.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Package {
    /// The dialogs of a device (RFC 4235).
    Dialog,
    /// Whether calls reach it, and whether it is in one (RFC 3856).
    Presence,
}

/// A document of either.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Document {
    /// Dialogs.
    Dialogs(dialog_info::Document),
    /// A presence.
    Presence(pidf::Document),
}

impl Package {
    /// Its name in Event and Allow-Events.
    pub const fn event(self) -> &'static [u8] {
        match self {
            Self::Dialog => b"dialog",
            Self::Presence => b"presence",
        }
    }

    /// The one type of document that is taken.
    pub const fn media_type(self) -> &'static [u8] {
        match self {
            Self::Dialog => b"application/dialog-info+xml",
            Self::Presence => b"application/pidf+xml",
        }
    }

    /// True when a body of this type is one of its documents.
    pub fn takes(self, media: &MediaType<'_>) -> bool {
        match self {
            Self::Dialog => media.is("application", "dialog-info+xml"),
            Self::Presence => media.is("application", "pidf+xml"),
        }
    }

    /// Reads a body.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(self, body: &[u8]) -> Result<Document, Unreadable> {
        match self {
            Self::Dialog => dialog_info::Document::parse(body).map(Document::Dialogs),
            Self::Presence => pidf::Document::parse(body).map(Document::Presence),
        }
    }
}

/// What is known of one device, over the documents of one subscription.
#[derive(Debug, Default)]
pub struct Picture {
    /// The package of the last document.
    by: Option<Package>,
    dialogs: Dialogs,
    presence: Presence,
}

impl Picture {
    /// Lays a document over what was known.
    ///
    /// # Errors
    /// It is a partial one, and what it is to be laid over is not there.
    pub fn take(&mut self, document: Document) -> Result<(), Gap> {
        match document {
            Document::Dialogs(document) => {
                self.by = Some(Package::Dialog);
                self.dialogs.take(document)
            }
            Document::Presence(document) => {
                self.by = Some(Package::Presence);
                self.presence.take(document);
                Ok(())
            }
        }
    }

    /// What the device does; `None`: nothing is said of it.
    pub fn activity(&self) -> Option<Activity<'_>> {
        match self.by? {
            Package::Dialog => Some(self.dialogs.activity()),
            Package::Presence => self.presence.activity(),
        }
    }
}
