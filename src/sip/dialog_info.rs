//! What a PBX says of a device's dialogs: `application/dialog-info+xml` (RFC 4235), read, and kept in step over full and partial
//! documents. Whoever writes one is not trusted: the dialogs are counted, and `xml` bounds the rest.

use quick_xml::events::BytesStart;

use super::xml::{Awaited, TEXT_BYTES_MAX, Unreadable, Visitor, walk};
use crate::base::Pii;
use crate::base::limits::DIALOGS_MAX;

/// One document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Counts up by one with each document of a subscription.
    pub version: u32,
    /// It names all dialogs; else those alone that have changed.
    pub full: bool,
    /// The dialogs.
    pub dialogs: Vec<Entry>,
}

/// One dialog of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// By this it is known again.
    pub id: Box<str>,
    /// How far it is.
    pub state: State,
    /// Who began it, where that is said.
    pub way: Option<Way>,
    /// The URI at the other end, where that is said.
    pub remote: Option<Pii<Box<str>>>,
}

/// How far a dialog is (RFC 4235 3.7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The INVITE has been sent.
    Trying,
    /// A provisional without a tag has come.
    Proceeding,
    /// A provisional has come.
    Early,
    /// It was answered.
    Confirmed,
    /// It is over.
    Terminated,
}

/// Who began a dialog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The device.
    Initiator,
    /// The other end.
    Recipient,
}

impl Document {
    /// Reads a body.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(body: &[u8]) -> Result<Self, Unreadable> {
        let mut reading = Reading::default();
        walk(body, &mut reading)?;
        reading.document.ok_or(Unreadable::Root)
    }
}

/// A document as far as it is read.
#[derive(Debug, Default)]
struct Reading {
    document: Option<Document>,
    dialog: Option<Draft>,
    text: Awaited<TextOf>,
    in_remote: bool,
}

/// A dialog as far as it is read.
#[derive(Debug)]
struct Draft {
    id: Box<str>,
    way: Option<Way>,
    state: Option<State>,
    remote: Option<Pii<Box<str>>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TextOf {
    State,
    Identity,
}

impl Visitor for Reading {
    fn open(&mut self, depth: usize, element: &BytesStart<'_>) -> Result<(), Unreadable> {
        let name = element.local_name();
        let name: &str = name.as_ref();
        match depth {
            1 if name == "dialog-info" && self.document.is_none() => {
                let full = attribute(element, "state")?.is_none_or(|state| &*state != "partial");
                let version = attribute(element, "version")?.map_or(Ok(0), |text| text.trim().parse());
                let version = version.map_err(|_| Unreadable::Root)?;
                self.document = Some(Document { version, full, dialogs: Vec::new() });
            }
            1 => return Err(Unreadable::Root),
            2 if name == "dialog" => {
                let id = attribute(element, "id")?.filter(|id| !id.is_empty()).ok_or(Unreadable::Dialog)?;
                let way = match attribute(element, "direction")?.as_deref() {
                    Some("initiator") => Some(Way::Initiator),
                    Some("recipient") => Some(Way::Recipient),
                    Some(_) => return Err(Unreadable::Dialog),
                    None => None,
                };
                self.dialog = Some(Draft { id, way, state: None, remote: None });
            }
            3 if name == "state" => self.text.expect(TextOf::State, depth),
            3 => self.in_remote = name == "remote",
            4 if name == "identity" && self.in_remote => self.text.expect(TextOf::Identity, depth),
            _ => {}
        }
        Ok(())
    }

    fn read(&mut self, depth: usize, text: &str) {
        self.text.read(depth, text);
    }

    fn close(&mut self, depth: usize) -> Result<(), Unreadable> {
        if let Some((of, text)) = self.text.take(depth)
            && let Some(dialog) = &mut self.dialog
        {
            match of {
                TextOf::State => dialog.state = Some(State::of(text)?),
                TextOf::Identity => dialog.remote = Some(Pii::new(text.into())),
            }
        }
        if depth == 2
            && let Some(Draft { id, way, state, remote }) = self.dialog.take()
            && let Some(document) = &mut self.document
        {
            if document.dialogs.len() >= DIALOGS_MAX {
                return Err(Unreadable::Crowded);
            }
            let state = state.ok_or(Unreadable::Dialog)?;
            document.dialogs.push(Entry { id, state, way, remote });
        }
        Ok(())
    }
}

/// An attribute, where the element has it.
fn attribute(element: &BytesStart<'_>, name: &str) -> Result<Option<Box<str>>, Unreadable> {
    let found = element.try_get_attribute(name).map_err(|_| Unreadable::Xml)?;
    let fits = found.as_ref().is_none_or(|attribute| attribute.value.len() <= TEXT_BYTES_MAX);
    if fits { Ok(found.map(|attribute| (*attribute.value).into())) } else { Err(Unreadable::Dialog) }
}

impl State {
    fn of(text: &str) -> Result<Self, Unreadable> {
        match text {
            "trying" => Ok(Self::Trying),
            "proceeding" => Ok(Self::Proceeding),
            "early" => Ok(Self::Early),
            "confirmed" => Ok(Self::Confirmed),
            "terminated" => Ok(Self::Terminated),
            _ => Err(Unreadable::Dialog),
        }
    }
}

/// The dialogs of one device, over the documents of one subscription.
#[derive(Debug, Default)]
pub struct Dialogs {
    /// Of the last document; `None` before the first.
    version: Option<u32>,
    living: Vec<Living>,
}

/// A dialog that is not over.
#[derive(Debug)]
struct Living {
    entry: Entry,
    /// It rang before it was answered.
    rang: bool,
}

/// A partial document came and what it is to be laid over is not there: the whole is to be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap;

/// What a device does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activity<'a> {
    /// Nothing.
    Idle,
    /// Calls do not reach it: said by its presence alone, not by its dialogs.
    Away,
    /// It rings.
    Rings,
    /// It is in a call, or dials.
    Calls {
        /// Who began it.
        way: Way,
        /// The URI at the other end, where that is said.
        remote: Option<&'a Pii<Box<str>>>,
    },
}

impl Dialogs {
    /// Lays a document over what was known. That documents come in order is their carrier's to see (the CSeq of NOTIFY), so a
    /// full one holds whatever its number: some PBXs begin to count anew with each refresh.
    ///
    /// # Errors
    /// A partial one does not follow upon the last, or would make them too many.
    pub fn take(&mut self, document: Document) -> Result<(), Gap> {
        if !document.full {
            let version = self.version.ok_or(Gap)?;
            if document.version <= version {
                return Ok(());
            }
            if document.version - version > 1 {
                return Err(Gap);
            }
        }
        self.version = Some(document.version);
        let before = if document.full { std::mem::take(&mut self.living) } else { Vec::new() };
        for entry in document.dialogs {
            let place = self.living.iter().position(|living| living.entry.id == entry.id);
            let known = place.map(|place| self.living.swap_remove(place));
            let known = known.as_ref().or_else(|| before.iter().find(|living| living.entry.id == entry.id));
            let rings = entry.state.is_early() && entry.way != Some(Way::Initiator);
            let rang = rings || known.is_some_and(|known| known.rang);
            if entry.state == State::Terminated {
                continue;
            }
            if self.living.len() >= DIALOGS_MAX {
                self.version = None;
                return Err(Gap);
            }
            self.living.push(Living { entry, rang });
        }
        Ok(())
    }

    /// What the device does by all of them: a call counts more than a ringing. Where nobody says who began an answered one,
    /// it was the other end if it rang before.
    pub fn activity(&self) -> Activity<'_> {
        let taken = |living: &&Living| living.entry.state == State::Confirmed || living.dials();
        if let Some(living) = self.living.iter().find(taken) {
            let inferred = if living.rang { Way::Recipient } else { Way::Initiator };
            return Activity::Calls { way: living.entry.way.unwrap_or(inferred), remote: living.entry.remote.as_ref() };
        }
        if self.living.is_empty() { Activity::Idle } else { Activity::Rings }
    }
}

impl Living {
    /// The device calls somebody who has not answered.
    fn dials(&self) -> bool {
        self.entry.state.is_early() && self.entry.way == Some(Way::Initiator)
    }
}

impl State {
    const fn is_early(self) -> bool {
        match self {
            Self::Trying | Self::Proceeding | Self::Early => true,
            Self::Confirmed | Self::Terminated => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::limits::DEVICE_DOCUMENT_BYTES_MAX;
    use crate::sip::xml::DEPTH_MAX;

    fn info(head: &str, dialogs: &str) -> String {
        format!(
            "<?xml version=\"1.0\"?>\r\n<dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" {head}>{dialogs}</dialog-info>"
        )
    }

    fn read(head: &str, dialogs: &str) -> Document {
        Document::parse(info(head, dialogs).as_bytes()).unwrap()
    }

    fn full(dialogs: &str) -> Document {
        read("version=\"0\" state=\"full\" entity=\"sip:1001@pbx\"", dialogs)
    }

    /// What a device does that says these one after the other.
    fn activity(documents: impl IntoIterator<Item = Document>) -> &'static str {
        let mut dialogs = Dialogs::default();
        for document in documents {
            dialogs.take(document).unwrap();
        }
        match dialogs.activity() {
            Activity::Idle => "idle",
            Activity::Away => "away",
            Activity::Rings => "rings",
            Activity::Calls { way: Way::Initiator, .. } => "out",
            Activity::Calls { way: Way::Recipient, .. } => "in",
        }
    }

    #[test]
    fn a_document_of_asterisk_is_read() {
        let document = full(
            "\n <dialog id=\"1001\" direction=\"recipient\">\n  <remote><identity display=\"A\">sip:1002@pbx</identity>\
             <target uri=\"sip:1002@pbx\"/></remote><state event=\"x\"> early </state></dialog>",
        );
        let remote = Some(Pii::new("sip:1002@pbx".into()));
        let entry = Entry { id: "1001".into(), state: State::Early, way: Some(Way::Recipient), remote };
        assert_eq!(document, Document { version: 0, full: true, dialogs: vec![entry] });
        assert_eq!(full("").dialogs, []);
        let prefixed = "<d:dialog-info xmlns:d=\"x\" version=\"7\" state=\"partial\"><d:dialog id=\"a\"><d:state>\
                        <![CDATA[confirmed]]></d:state></d:dialog></d:dialog-info>";
        let document = Document::parse(prefixed.as_bytes()).unwrap();
        assert_eq!((document.version, document.full, document.dialogs[0].state), (7, false, State::Confirmed));
    }

    #[test]
    fn what_is_no_dialog_info_is_refused_by_its_reason() {
        let dialog = "<dialog id=\"1\"><state>early</state></dialog>";
        let deep = "<a>".repeat(DEPTH_MAX) + &"</a>".repeat(DEPTH_MAX);
        let laugh = "<!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]>";
        for (body, why) in [
            (String::new(), Unreadable::Root),
            ("hello".to_string(), Unreadable::Root),
            ("<presence/>".to_string(), Unreadable::Root),
            ("<dialog-info version=\"0\" state=\"full\">".to_string(), Unreadable::Xml),
            ("<dialog-info></dialog>".to_string(), Unreadable::Xml),
            ("<dialog-info version=\"-1\"/>".to_string(), Unreadable::Root),
            ("<dialog-info/><dialog-info/>".to_string(), Unreadable::Root),
            (format!("{laugh}{}", info("", dialog)), Unreadable::Doctype),
            (info("", &deep), Unreadable::Deep),
            (info("", &dialog.repeat(DIALOGS_MAX + 1)), Unreadable::Crowded),
            (info("", "<dialog><state>early</state></dialog>"), Unreadable::Dialog),
            (info("", "<dialog id=\"1\"/>"), Unreadable::Dialog),
            (info("", "<dialog id=\"1\"><state>asleep</state></dialog>"), Unreadable::Dialog),
            (info("", "<dialog id=\"1\" direction=\"up\"><state>early</state></dialog>"), Unreadable::Dialog),
            (
                info("", &format!("<dialog id=\"{}\"><state>early</state></dialog>", "x".repeat(300))),
                Unreadable::Dialog,
            ),
            (info("", &" ".repeat(DEVICE_DOCUMENT_BYTES_MAX)), Unreadable::Long),
        ] {
            assert_eq!(Document::parse(body.as_bytes()), Err(why), "{body:.200}");
        }
        assert_eq!(full("<dialog id=\"1\"><state>early&#x0;</state></dialog>").dialogs[0].state, State::Early);
    }

    #[test]
    fn bytes_that_are_no_text_and_documents_cut_anywhere_end_well() {
        let text = info("version=\"1\" state=\"full\"", "<dialog id=\"\u{e9}\"><state>early</state></dialog>");
        for end in 0..text.len() {
            assert!(Document::parse(&text.as_bytes()[..end]).is_err(), "{end}");
            let mut bytes = text.clone().into_bytes();
            bytes[end] = 0xff;
            let _any = Document::parse(&bytes);
        }
    }

    #[test]
    fn a_device_does_what_its_dialogs_say() {
        let dialog = |id: &str, way: &str, state: &str| {
            let way = if way.is_empty() { String::new() } else { format!(" direction=\"{way}\"") };
            format!("<dialog id=\"{id}\"{way}><state>{state}</state></dialog>")
        };
        let one = |way: &str, state: &str| full(&dialog("1", way, state));
        assert_eq!(activity([]), "idle");
        for (way, state, then) in [
            ("", "terminated", "idle"),
            ("recipient", "terminated", "idle"),
            ("recipient", "trying", "rings"),
            ("", "early", "rings"),
            ("recipient", "proceeding", "rings"),
            ("initiator", "trying", "out"),
            ("initiator", "early", "out"),
            ("recipient", "confirmed", "in"),
            ("initiator", "confirmed", "out"),
            ("", "confirmed", "out"),
        ] {
            assert_eq!(activity([one(way, state)]), then, "{way} {state}");
        }
        assert_eq!(activity([one("recipient", "early"), one("", "confirmed")]), "in", "it rang before");
        let two = full(&[dialog("1", "recipient", "early"), dialog("2", "initiator", "confirmed")].concat());
        assert_eq!(activity([two]), "out", "a call counts more than a ringing");
        assert_eq!(activity([one("", "confirmed"), full("")]), "idle", "a full document names all");
    }

    #[test]
    fn partial_documents_follow_upon_each_other() {
        let partial = |version: u32, id: &str, state: &str| {
            let head = format!("version=\"{version}\" state=\"partial\"");
            read(&head, &format!("<dialog id=\"{id}\"><state>{state}</state></dialog>"))
        };
        let mut dialogs = Dialogs::default();
        assert_eq!(dialogs.take(partial(0, "a", "early")), Err(Gap), "before any full one");
        dialogs.take(read("version=\"3\" state=\"full\"", "<dialog id=\"a\"><state>early</state></dialog>")).unwrap();
        dialogs.take(partial(4, "b", "confirmed")).unwrap();
        assert_ne!(dialogs.activity(), Activity::Rings);
        dialogs.take(partial(4, "b", "terminated")).unwrap();
        assert_ne!(dialogs.activity(), Activity::Rings, "an old one changes nothing");
        dialogs.take(partial(5, "b", "terminated")).unwrap();
        assert_eq!(dialogs.activity(), Activity::Rings, "the other one is still there");
        assert_eq!(dialogs.take(partial(7, "a", "terminated")), Err(Gap), "one is missing");
        dialogs.take(full("")).unwrap();
        assert_eq!(dialogs.activity(), Activity::Idle, "a full one holds whatever its number");
        for number in 0..DIALOGS_MAX as u32 {
            dialogs.take(partial(number + 1, &number.to_string(), "early")).unwrap();
        }
        assert_eq!(dialogs.take(partial(DIALOGS_MAX as u32 + 1, "more", "early")), Err(Gap), "bounded");
    }
}
