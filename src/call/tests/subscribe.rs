//! SUBSCRIBE of ours by either package, and what of its NOTIFYs is taken.

use super::*;
use crate::call::{Subscribe, Subscribed};
use crate::sip::package::{Document, Package};
use crate::sip::pidf::{Basic, Doing};
use crate::sip::xml::Unreadable;

const OPEN: &str =
    "<presence><note>On the phone</note><tuple id=\"1\"><status><basic>open</basic></status></tuple></presence>";
const DIALOGS: &str =
    "<dialog-info version=\"0\" state=\"full\"><dialog id=\"1\"><state>confirmed</state></dialog></dialog-info>";

impl Solo {
    /// A far end that has accepted our SUBSCRIBE.
    fn subscribed(package: Package) -> Self {
        let mut solo = Self::new();
        let (uri, destination, expires) = (b"sip:1001@10.0.0.1", address(1), Duration::from_secs(600));
        solo.legs.subscribe(solo.now, &Subscribe { package, uri, destination, expires, token: 7 });
        assert_eq!(solo.look(), ["SUBSCRIBE"]);
        let subscribe = solo.sent.pop().expect("it goes out");
        assert_eq!(subscribe.value(Name::Event), Some(package.event()));
        assert_eq!(subscribe.values(Name::Accept).collect::<Vec<_>>(), [package.media_type()]);
        solo.near_tag = String::from_utf8_lossy(subscribe.from_tag().unwrap()).into_owned();
        solo.call_id = String::from_utf8_lossy(subscribe.call_id().unwrap()).into_owned();
        solo.invite = Some(subscribe);
        solo
    }

    /// What is answered to a NOTIFY, and what it says.
    fn notify(&mut self, number: u32, event: &str, media: &str, body: &str) -> (Message, Option<Told>) {
        let text = format!(
            "NOTIFY sip:strowger@10.0.0.2 SIP/2.0\nVia: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKnotify{number}\n\
             Max-Forwards: 70\nFrom: <sip:1001@10.0.0.1>;tag=far\nTo: <sip:near@10.0.0.2>;tag={}\n\
             Call-ID: {}\nCSeq: {number} NOTIFY\nContact: <sip:far@10.0.0.1>\nEvent: {event}\nSubscription-State: active\n\
             Content-Type: {media}\nContent-Length: {}\n\n{body}",
            self.near_tag,
            self.call_id,
            body.len()
        );
        self.take(text.replace('\n', "\r\n").into());
        self.look();
        let told = match self.legs.poll_event() {
            Some(Event::Notified { token: 7, notice, .. }) => notice.document,
            Some(other) => panic!("{other:?}"),
            None => None,
        };
        (self.sent.pop().expect("it is answered"), told)
    }
}

type Told = Result<Document, Unreadable>;

#[test]
fn a_notify_of_the_package_that_was_asked_for_is_taken() {
    let mut solo = Solo::subscribed(Package::Presence);
    solo.response(200, &[]);
    assert!(matches!(
        solo.legs.poll_event(),
        Some(Event::Subscribed { token: 7, answer: Subscribed::Until(None), .. })
    ));
    for (number, media) in [(1, "application/pidf+xml"), (2, "Application/PIDF+XML;charset=\"UTF-8\"")] {
        let (answer, told) = solo.notify(number, "presence", media, OPEN);
        assert_eq!(answer.status(), 200, "{media}");
        let Some(Ok(Document::Presence(document))) = told else { panic!("{told:?}") };
        assert_eq!((document.basic, document.doing), (Some(Basic::Open), Some(Doing::Calls)));
    }
    let mut solo = Solo::subscribed(Package::Dialog);
    let (answer, told) = solo.notify(1, "dialog;id=3", "application/dialog-info+xml", DIALOGS);
    assert!(matches!((answer.status(), told), (200, Some(Ok(Document::Dialogs(_))))));
}

#[test]
fn what_was_not_asked_for_is_refused_and_says_what_would_be_taken() {
    let (pidf, info) = ("application/pidf+xml", "application/dialog-info+xml");
    for (package, event, media, body, status) in [
        (Package::Presence, "dialog", info, DIALOGS, 489),
        (Package::Dialog, "presence", pidf, OPEN, 489),
        (Package::Presence, "presence.winfo", pidf, OPEN, 489),
        (Package::Presence, "presence", "application/pidf-diff+xml", "<pidf-diff/>", 415),
        (Package::Presence, "presence", "application/xpidf+xml", "<presence/>", 415),
        (Package::Presence, "presence", info, DIALOGS, 415),
        (Package::Dialog, "dialog", pidf, OPEN, 415),
        (Package::Presence, "presence", pidf, DIALOGS, 400),
        (Package::Presence, "presence", pidf, "<!DOCTYPE p [<!ENTITY a \"b\">]><presence>&a;</presence>", 400),
        (Package::Presence, "presence", pidf, "<presence", 400),
    ] {
        let mut solo = Solo::subscribed(package);
        let (answer, told) = solo.notify(1, event, media, body);
        assert_eq!(answer.status(), status, "{event} {media}");
        match status {
            489 => assert_eq!(answer.other("Allow-Events"), Some(package.event())),
            415 => assert_eq!(answer.value(Name::Accept), Some(package.media_type())),
            _ => assert!(matches!(told, Some(Err(_))), "{told:?}"),
        }
        if status != 400 {
            assert_eq!(told, None, "nothing was told");
        }
    }
}

#[test]
fn a_subscription_asks_for_the_same_again() {
    for package in [Package::Dialog, Package::Presence] {
        let mut solo = Solo::subscribed(package);
        solo.response(200, &[]);
        let Some(Event::Subscribed { id, .. }) = solo.legs.poll_event() else { panic!("it was accepted") };
        assert!(solo.legs.renew_subscription(solo.now, id, Duration::from_secs(60)));
        assert_eq!(solo.look(), ["SUBSCRIBE"]);
        let again = solo.sent.pop().expect("it goes out");
        assert_eq!((again.value(Name::Event), again.to_tag()), (Some(package.event()), Some(&b"far"[..])));
        assert_eq!(again.value(Name::Accept), Some(package.media_type()));
    }
}
