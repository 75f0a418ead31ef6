//! What a PBX says of a device's presence: `application/pidf+xml` (RFC 3863), with the activities of RPID (RFC 4480) and the
//! notes by which PBXs tell a phone that rings from one that talks. Whoever writes one is not trusted: its parts are counted,
//! and `xml` bounds the rest. A document is always the whole; partial ones (RFC 5263) are not asked for.

use quick_xml::events::BytesStart;

use super::dialog_info::{Activity, Way};
use super::xml::{Awaited, Unreadable, Visitor, walk};
use crate::base::limits::PRESENCE_PARTS_MAX;

/// One document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Document {
    /// Whether calls reach the device: open where one of its tuples is; `None`: none says.
    pub basic: Option<Basic>,
    /// What it does with a call, where there is one.
    pub doing: Option<Doing>,
}

/// The basic status of a tuple (RFC 3863 4.1.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basic {
    /// It takes calls.
    Open,
    /// It does not: it is not registered.
    Closed,
}

/// What a device does with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doing {
    /// It rings.
    Rings,
    /// It is in one.
    Calls,
}

impl Document {
    /// Reads a body.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(body: &[u8]) -> Result<Self, Unreadable> {
        let mut reading = Reading::default();
        walk(body, &mut reading)?;
        if reading.seen == Seen::Nothing { Err(Unreadable::Root) } else { Ok(reading.document()) }
    }
}

/// A document as far as it is read.
#[derive(Debug, Default)]
struct Reading {
    seen: Seen,
    parts: usize,
    place: Place,
    basic: Option<Basic>,
    /// One of the activities is a call.
    busy: bool,
    /// The note that says most.
    note: Option<Note>,
    /// The depth of the activities that are being read.
    activities: Option<usize>,
    text: Awaited<TextOf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Seen {
    #[default]
    Nothing,
    Root,
}

/// Which part is being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Place {
    #[default]
    Elsewhere,
    Tuple,
    /// The status of a tuple.
    Status,
}

/// A note that means something. Notes are for people, so that only the very words of PBXs count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Note {
    /// `Ring 1002`: of FreeSWITCH, beside the activity `on-the-phone`.
    RingsBy,
    /// `Ringing`: of Asterisk, alone unless it is configured to write activities.
    Rings,
    /// `On the phone`, `On hold`: of Asterisk, likewise.
    Calls,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TextOf {
    Basic,
    Note,
}

impl Reading {
    /// What was read. A call counts whatever the basic status: older PBXs write `closed` for whoever cannot take another.
    fn document(&self) -> Document {
        let doing = match (self.note, self.busy) {
            (Some(Note::Calls), _) | (None, true) => Some(Doing::Calls),
            (Some(Note::Rings), _) | (Some(Note::RingsBy), true) => Some(Doing::Rings),
            (Some(Note::RingsBy) | None, false) => None,
        };
        Document { basic: self.basic, doing }
    }
}

impl Visitor for Reading {
    fn open(&mut self, depth: usize, element: &BytesStart<'_>) -> Result<(), Unreadable> {
        let name = element.local_name();
        let name: &str = name.as_ref();
        if depth == 1 {
            if name != "presence" || self.seen == Seen::Root {
                return Err(Unreadable::Root);
            }
            self.seen = Seen::Root;
        }
        if depth == 2 {
            self.parts += 1;
            if self.parts > PRESENCE_PARTS_MAX {
                return Err(Unreadable::Crowded);
            }
            self.place = if name == "tuple" { Place::Tuple } else { Place::Elsewhere };
        }
        match (depth, self.place, name) {
            (3, Place::Tuple, "status") => self.place = Place::Status,
            (4, Place::Status, "basic") => self.text.expect(TextOf::Basic, depth),
            (2.., _, "note") => self.text.expect(TextOf::Note, depth),
            // What begins or ends at a time comes from a calendar, and no clock is here to hold it against.
            (3.., _, "activities") if !is_timed(element)? => self.activities = Some(depth),
            (4.., _, "on-the-phone" | "busy") if self.activities == Some(depth - 1) => self.busy = true,
            _ => {}
        }
        Ok(())
    }

    fn read(&mut self, depth: usize, text: &str) {
        self.text.read(depth, text);
    }

    fn close(&mut self, depth: usize) -> Result<(), Unreadable> {
        match self.text.take(depth) {
            Some((TextOf::Basic, "open")) => self.basic = Some(Basic::Open),
            Some((TextOf::Basic, "closed")) => self.basic = self.basic.or(Some(Basic::Closed)),
            Some((TextOf::Basic, _)) => return Err(Unreadable::Basic),
            Some((TextOf::Note, text)) => self.note = self.note.max(Note::of(text)),
            None => {}
        }
        if self.activities == Some(depth) {
            self.activities = None;
        }
        if depth == 3 && self.place == Place::Status {
            self.place = Place::Tuple;
        }
        Ok(())
    }
}

impl Note {
    fn of(text: &str) -> Option<Self> {
        let is = |words: &str| text.eq_ignore_ascii_case(words);
        if is("On the phone") || is("On hold") {
            return Some(Self::Calls);
        }
        if is("Ringing") {
            return Some(Self::Rings);
        }
        let first = text.split_ascii_whitespace().next()?;
        first.eq_ignore_ascii_case("Ring").then_some(Self::RingsBy)
    }
}

/// True when activities hold from or until a time (RFC 4480 3.1).
fn is_timed(element: &BytesStart<'_>) -> Result<bool, Unreadable> {
    let has = |name: &str| element.try_get_attribute(name).map(|found| found.is_some()).map_err(|_| Unreadable::Xml);
    Ok(has("from")? || has("until")?)
}

/// The presence of one device, over the documents of one subscription.
#[derive(Debug, Default)]
pub struct Presence {
    /// The last document; `None` before the first.
    told: Option<Document>,
    /// It rings, or rang before it was answered.
    rang: bool,
    /// Who began its call, while there is one.
    way: Option<Way>,
}

impl Presence {
    /// A document takes the place of what was known. Nobody says who began a call: it was the other end if it rang before.
    pub fn take(&mut self, document: Document) {
        match document.doing {
            Some(Doing::Rings) => self.rang = true,
            Some(Doing::Calls) => {
                let inferred = if self.rang { Way::Recipient } else { Way::Initiator };
                self.way = self.way.or(Some(inferred));
            }
            None => (self.rang, self.way) = (false, None),
        }
        self.told = Some(document);
    }

    /// What the device does; `None`: the document says nothing of it. One that rings amid a call is in that call.
    pub fn activity(&self) -> Option<Activity<'static>> {
        let Document { basic, doing } = self.told?;
        match (doing, self.way, basic) {
            (Some(_), Some(way), _) => Some(Activity::Calls { way, remote: None }),
            (Some(_), None, _) => Some(Activity::Rings),
            (None, _, Some(Basic::Open)) => Some(Activity::Idle),
            (None, _, Some(Basic::Closed)) => Some(Activity::Away),
            (None, _, None) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::limits::DEVICE_DOCUMENT_BYTES_MAX;
    use crate::sip::xml::DEPTH_MAX;

    fn presence(parts: &str) -> String {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<presence entity=\"sip:1001@pbx\" xmlns=\"urn:ietf:params:xml:ns:pidf\" \
             xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\" xmlns:rpid=\"urn:ietf:params:xml:ns:pidf:rpid\">{parts}</presence>"
        )
    }

    fn tuple(basic: &str) -> String {
        format!("<tuple id=\"t\"><status><basic>{basic}</basic></status></tuple>")
    }

    fn person(inside: &str) -> String {
        format!("<dm:person id=\"p\"><rpid:activities>{inside}</rpid:activities></dm:person>")
    }

    fn read(parts: &str) -> Document {
        Document::parse(presence(parts).as_bytes()).unwrap()
    }

    /// What a device does of whom these are said one after the other.
    fn activity<'a>(documents: impl IntoIterator<Item = &'a str>) -> &'static str {
        let mut presence = Presence::default();
        for parts in documents {
            presence.take(read(parts));
        }
        match presence.activity() {
            None => "unsaid",
            Some(Activity::Idle) => "idle",
            Some(Activity::Away) => "away",
            Some(Activity::Rings) => "rings",
            Some(Activity::Calls { way: Way::Initiator, .. }) => "out",
            Some(Activity::Calls { way: Way::Recipient, .. }) => "in",
        }
    }

    #[test]
    fn the_documents_of_asterisk_are_read_with_and_without_activities() {
        let asterisk = |note: &str, basic: &str, activity: &str| {
            format!(
                "\n <note>{note}</note>\n <tuple id=\"1001\">\n  <status>\n   <basic>{basic}</basic>\n  </status>\n  \
                 <contact priority=\"1\">&quot;A&quot; &lt;sip:1001@pbx&gt;</contact>\n </tuple>\n{activity}"
            )
        };
        let phone = person("<rpid:on-the-phone />");
        for (note, basic, supplement, expected) in [
            ("Ready", "open", "<dm:person />", "idle"),
            ("Ringing", "open", &*phone, "rings"),
            ("On the phone", "open", &*phone, "out"),
            ("On hold", "open", &*phone, "out"),
            ("On Hold", "closed", &*phone, "out"),
            ("Unavailable", "closed", "<dm:person />", "away"),
        ] {
            for supplement in ["", supplement] {
                assert_eq!(activity([&*asterisk(note, basic, supplement)]), expected, "{note} {supplement}");
            }
        }
    }

    #[test]
    fn other_writers_are_read() {
        let freeswitch = |note: &str| {
            let open = tuple(" open\n");
            format!(
                "{open}<dm:person id='p06360c4a'><rpid:activities><rpid:on-the-phone/></rpid:activities><dm:note>{note}</dm:note>\
                 </dm:person>"
            )
        };
        assert_eq!(activity([&*freeswitch("Ring 1002")]), "rings");
        assert_eq!(activity([&*freeswitch("Talk 1002")]), "out");
        let old = "<tuple id=\"t\"><status><basic>open</basic><ep:activities xmlns:ep=\"x\"><ep:busy/></ep:activities></status></tuple>";
        assert_eq!(activity([old]), "out", "activities inside a tuple, as drafts had them");
        let noted = tuple("open") + &person("<rpid:note> Ringing </rpid:note><rpid:busy>now</rpid:busy>");
        assert_eq!(activity([&*noted]), "rings");
        let prefixed = "<p:presence xmlns:p=\"urn:ietf:params:xml:ns:pidf\"><p:tuple id=\"a\"><p:status><p:basic><![CDATA[closed]]>\
                        </p:basic></p:status></p:tuple></p:presence>";
        assert_eq!(Document::parse(prefixed.as_bytes()).unwrap().basic, Some(Basic::Closed));
    }

    #[test]
    fn a_device_is_there_when_one_of_its_tuples_is_open() {
        for (tuples, expected) in [
            (vec!["closed"], "away"),
            (vec!["closed", "closed"], "away"),
            (vec!["closed", "open"], "idle"),
            (vec!["open", "closed"], "idle"),
            (vec![], "unsaid"),
        ] {
            let parts: String = tuples.iter().map(|basic| tuple(basic)).collect();
            assert_eq!(activity([&*parts]), expected, "{tuples:?}");
        }
        let other =
            "<tuple id=\"digium-presence\"><status><digium_presence type=\"away\">x</digium_presence></status></tuple>";
        assert_eq!(activity([&*(tuple("open") + other)]), "idle", "a tuple may say something else");
        assert_eq!(activity([other]), "unsaid");
        assert_eq!(
            activity(["<tuple id=\"t\"><basic>closed</basic></tuple><status><basic>closed</basic></status>"]),
            "unsaid"
        );
    }

    #[test]
    fn nobody_is_in_a_call_because_of_other_words() {
        for part in [
            "<note>On the phone with a friend</note>",
            "<note>Not ringing</note>",
            "<note>Ring 1002</note>",
            "<note>On the phone<b>x</b> no more</note>",
            "<note/>",
            &*person("<rpid:away/><rpid:meeting/><rpid:other>busy</rpid:other>"),
            &*person("<rpid:other><rpid:busy/></rpid:other>"),
            "<dm:person><rpid:busy/></dm:person><busy/>",
            "<dm:person><rpid:activities from=\"2026-01-01T00:00:00Z\"><rpid:busy/></rpid:activities></dm:person>",
            "<dm:person><rpid:activities until=\"2026-01-01T00:00:00Z\"><rpid:busy/></rpid:activities></dm:person>",
            "<dm:person><rpid:activities/><rpid:busy/></dm:person>",
        ] {
            assert_eq!(activity([&*(tuple("open") + part)]), "idle", "{part}");
            assert_eq!(activity([&*(part.to_string() + &tuple("closed"))]), "away", "{part}");
        }
    }

    #[test]
    fn who_began_a_call_is_told_by_what_was_before() {
        let ready = tuple("open");
        let rings = format!("<note>Ringing</note>{ready}");
        let talks = format!("<note>On the phone</note>{ready}");
        let (ready, rings, talks) = (&*ready, &*rings, &*talks);
        assert_eq!(activity([]), "unsaid");
        for (documents, expected) in [
            (vec![rings, talks], "in"),
            (vec![ready, talks], "out"),
            (vec![rings, ready, talks], "out"),
            (vec![talks, rings], "out"),
            (vec![rings, talks, rings, talks], "in"),
            (vec![talks, rings, ready, rings], "rings"),
            (
                vec![talks, "<note>Unavailable</note><tuple id=\"1\"><status><basic>closed</basic></status></tuple>"],
                "away",
            ),
            (vec![talks, ""], "unsaid"),
        ] {
            assert_eq!(activity(documents.iter().copied()), expected, "{documents:?}");
        }
    }

    #[test]
    fn what_is_no_presence_is_refused_by_its_reason() {
        let deep = "<a>".repeat(DEPTH_MAX) + &"</a>".repeat(DEPTH_MAX);
        let laugh = "<!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]>";
        for (body, why) in [
            (String::new(), Unreadable::Root),
            ("open".to_string(), Unreadable::Root),
            ("<dialog-info/>".to_string(), Unreadable::Root),
            ("<pidf-diff xmlns=\"urn:ietf:params:xml:ns:pidf-diff\"/>".to_string(), Unreadable::Root),
            ("<presence/><presence/>".to_string(), Unreadable::Root),
            ("<presence>".to_string(), Unreadable::Xml),
            ("<presence></tuple>".to_string(), Unreadable::Xml),
            (
                "<presence a=\"1\" a=\"2\"><dm:person><activities from=1/></dm:person></presence>".to_string(),
                Unreadable::Xml,
            ),
            (format!("{laugh}{}", presence("&b;")), Unreadable::Doctype),
            (presence(&deep), Unreadable::Deep),
            (presence(&tuple("open").repeat(PRESENCE_PARTS_MAX + 1)), Unreadable::Crowded),
            (presence(&"<note/>".repeat(PRESENCE_PARTS_MAX + 1)), Unreadable::Crowded),
            (presence(&tuple("")), Unreadable::Basic),
            (presence(&tuple("opened")), Unreadable::Basic),
            (presence(&tuple("&open;")), Unreadable::Basic),
            (presence(&tuple(&"open".repeat(100))), Unreadable::Basic),
            (presence(&(tuple("open") + &tuple("maybe"))), Unreadable::Basic),
            (presence(&" ".repeat(DEVICE_DOCUMENT_BYTES_MAX)), Unreadable::Long),
        ] {
            assert_eq!(Document::parse(body.as_bytes()), Err(why), "{body:.200}");
        }
        assert_eq!(read(&tuple("open").repeat(PRESENCE_PARTS_MAX)).basic, Some(Basic::Open));
        assert_eq!(read("<note>&lol;&#x0;Ringing</note>").doing, Some(Doing::Rings), "entities are nothing");
    }

    #[test]
    fn bytes_that_are_no_text_and_documents_cut_anywhere_end_well() {
        let text = presence(&format!("<note>\u{e9}</note>{}{}", tuple("open"), person("<rpid:busy/>")));
        for end in 0..text.len() {
            assert!(Document::parse(&text.as_bytes()[..end]).is_err(), "{end}");
            let mut bytes = text.clone().into_bytes();
            bytes[end] = 0xff;
            let _any = Document::parse(&bytes);
        }
    }
}
