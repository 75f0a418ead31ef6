//! REFER: what is refused before anybody decides, the news that follow one that is taken, and how they end.

use super::*;

impl Solo {
    /// An answered call of ours, whose far end then asks by REFER with these header lines.
    fn referred(lines: &str) -> Self {
        let mut solo = Self::calling();
        solo.response(200, SDP);
        solo.look();
        solo.told();
        solo.refer(2, lines);
        solo
    }

    fn refer(&mut self, number: u32, lines: &str) {
        let text = format!(
            "REFER sip:strowger@10.0.0.2 SIP/2.0\nVia: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKrefer{number}\n\
             Max-Forwards: 70\nFrom: <sip:far@10.0.0.1>;tag=far\nTo: <sip:near@10.0.0.2>;tag={}\n\
             Call-ID: {}\nCSeq: {number} REFER\nContact: <sip:far@10.0.0.1>\n{lines}Content-Length: 0\n\n",
            self.near_tag, self.call_id
        );
        self.take(text.replace('\n', "\r\n").into());
    }

    /// The owner takes the REFER that has come.
    fn accept(&mut self) {
        let Some(Event::Refer { refer, .. }) = self.legs.poll_event() else { panic!("a REFER has come") };
        self.legs.accept_refer(self.now, *refer);
    }

    fn tell(&mut self, status: u16) {
        self.legs.tell_referrer(self.now, self.leg, status);
    }

    /// What the NOTIFYs since the last look say.
    fn news(&mut self) -> Vec<String> {
        let from = self.sent.len();
        self.look();
        let notifies = self.sent[from..].iter().filter(|message| message.method() == crate::sip::name::Method::Notify);
        let word = |message: &Message| {
            let state = String::from_utf8_lossy(message.other("Subscription-State").unwrap()).into_owned();
            let event = String::from_utf8_lossy(message.value(Name::Event).unwrap()).into_owned();
            format!("{event} {state} {}", String::from_utf8_lossy(message.body()).trim_end())
        };
        notifies.map(word).collect()
    }
}

const TO: &str = "Refer-To: <sip:1002@10.0.0.9>\n";

#[test]
fn what_names_nobody_to_be_called_is_refused_here() {
    let two = format!("{TO}Refer-To: <sip:1003@10.0.0.9>\n");
    let cases = [
        ("", 400),
        (two.as_str(), 400),
        ("Refer-To: <sip:10\n", 400),
        ("Refer-To: <tel:+4420>\n", 416),
        ("r: <mailto:a@b>\n", 416),
        ("Refer-To: <sip:1@h;method=BYE>\n", 403),
        ("Refer-To: <sip:1@h?Replaces=a%3Bto-tag%3D1>\n", 400),
        ("Refer-To: <sip:1@h?Replaces=a%0d%0aX:%3Bto-tag%3D1%3Bfrom-tag%3D2>\n", 400),
    ];
    for (lines, status) in cases {
        let mut solo = Solo::referred(lines);
        assert_eq!(solo.look(), [format!("{status} REFER")], "{lines}");
        assert!(solo.told().is_empty(), "{lines}");
        solo.legs.hang_up(solo.now, solo.leg);
        solo.ends_clean();
    }
    let mut solo =
        Solo::referred("r: \"Bob\" <sip:+44%2020;x=y@10.0.0.9?Subject=x&replaces=a%3Bto-tag%3D1%3bfrom-tag=2>\n");
    let Some(Event::Refer { refer, .. }) = solo.legs.poll_event() else { panic!("a REFER has come") };
    let (uri, dialog) = refer.replaces().unwrap();
    assert_eq!((refer.to(), uri), ("+44 20", &b"sip:+44%2020;x=y@10.0.0.9"[..]));
    assert_eq!((dialog.call_id, dialog.to_tag, dialog.from_tag), (&b"a"[..], &b"1"[..], &b"2"[..]));
    solo.legs.refuse_refer(solo.now, &refer, 603);
    assert_eq!(solo.look(), ["603 REFER"]);
    solo.ends_clean_after_hang_up();
}

#[test]
fn one_news_is_under_way_at_a_time_and_goes_on_after_the_leg_is_gone() {
    let mut solo = Solo::referred(TO);
    solo.accept();
    solo.legs.hang_up(solo.now, solo.leg);
    assert_eq!(solo.news(), ["refer active;expires=3600 SIP/2.0 100 Trying"]);
    solo.answer_last("BYE", 200);
    assert_eq!(solo.legs.legs.len(), 0, "the leg is gone");
    solo.tell(180);
    solo.tell(180);
    assert!(solo.news().is_empty(), "the first is not answered");
    solo.answer_last("NOTIFY", 200);
    assert_eq!(solo.news(), ["refer active;expires=3600 SIP/2.0 180 Ringing"]);
    solo.tell(200);
    solo.tell(486);
    solo.answer_last("NOTIFY", 200);
    assert_eq!(solo.news(), ["refer terminated;reason=noresource SIP/2.0 200 OK"]);
    let numbers: Vec<_> = solo.sent.iter().filter(|it| it.is_request()).map(|it| it.cseq().unwrap().number).collect();
    assert!(numbers.windows(2).all(|pair| pair[0] <= pair[1]), "{numbers:?}");
    solo.answer_last("NOTIFY", 200);
    solo.ends_clean();
}

#[test]
fn who_refuses_news_or_declines_them_or_does_not_answer_hears_no_more() {
    let mut solo = Solo::referred(TO);
    solo.accept();
    solo.news();
    solo.tell(180);
    solo.answer_last("NOTIFY", 481);
    solo.tell(200);
    assert!(solo.news().is_empty());
    solo.ends_clean_after_hang_up();

    let mut solo = Solo::referred(&format!("{TO}Refer-Sub: false\n"));
    solo.accept();
    solo.tell(200);
    assert_eq!(solo.look(), ["202 REFER"]);
    assert_eq!(solo.sent.last().unwrap().other("Refer-Sub"), Some(&b"false"[..]));
    solo.ends_clean_after_hang_up();

    let mut solo = Solo::referred(TO);
    solo.accept();
    solo.tell(200);
    solo.ends_clean_after_hang_up();
}

#[test]
fn a_second_refer_s_news_say_which() {
    let mut solo = Solo::referred(TO);
    let Some(Event::Refer { refer, .. }) = solo.legs.poll_event() else { panic!("a REFER has come") };
    solo.legs.refuse_refer(solo.now, &refer, 403);
    solo.refer(3, TO);
    solo.accept();
    assert_eq!(solo.news(), ["refer;id=3 active;expires=3600 SIP/2.0 100 Trying"]);
    solo.tell(503);
    solo.answer_last("NOTIFY", 200);
    assert_eq!(solo.news(), ["refer;id=3 terminated;reason=noresource SIP/2.0 503 Service Unavailable"]);
    solo.ends_clean_after_hang_up();
}

impl Solo {
    fn ends_clean_after_hang_up(mut self) {
        self.legs.hang_up(self.now, self.leg);
        self.ends_clean();
    }
}
