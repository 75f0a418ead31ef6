//! One end against a far end written by hand: forks, overtaking messages, changes, acknowledgements out of turn.

use super::*;
use crate::base::ShardId;
use crate::sip::name::Method;
use crate::sip::transaction::Door;

#[test]
fn another_forks_answer_is_acknowledged_and_ended_and_the_first_stays() {
    let mut solo = Solo::calling();
    solo.response_of("one", 180, b"");
    solo.response_of("two", 183, SDP);
    solo.response_of("one", 200, SDP);
    assert_eq!(solo.told(), ["progress 180", "progress 183", "answered with sdp"]);
    assert_eq!(solo.look(), ["ACK"]);
    solo.response_of("two", 200, SDP);
    assert_eq!(solo.look(), ["ACK", "BYE"]);
    let bye = solo.sent.last().unwrap();
    assert_eq!((bye.to_tag(), bye.uri()), (Some(&b"two"[..]), &b"sip:two@10.0.0.1"[..]));
    assert_eq!(bye.cseq().unwrap().number, 2);
    assert!(solo.told().is_empty());
    solo.request_of("one", "BYE", 1, b"");
    assert_eq!(solo.told(), ["ended Bye"]);
    solo.ends_clean();
}

#[test]
fn a_repeated_2xx_is_acknowledged_again_and_told_once() {
    let mut solo = Solo::calling();
    solo.response(200, SDP);
    solo.response(200, SDP);
    assert_eq!(solo.look(), ["ACK", "ACK"]);
    assert_eq!(solo.told(), ["answered with sdp"]);
    let number = |message: &Message| message.cseq().unwrap().number;
    assert!(solo.sent.iter().all(|ack| number(ack) == 1 && ack.to_tag() == Some(b"far")));
}

#[test]
fn an_answer_after_everything_is_gone_is_acknowledged_and_ended_with_our_own_from() {
    let mut solo = Solo::calling();
    solo.response(486, b"");
    solo.look();
    solo.pass(Duration::from_secs(40));
    solo.response(200, SDP);
    assert_eq!(solo.look(), ["ACK", "BYE"]);
    let bye = solo.sent.last().unwrap();
    assert_eq!(bye.value(Name::From), solo.invite.as_ref().unwrap().value(Name::From));
    assert_eq!(bye.cseq().unwrap().number, 2);
    solo.ends_clean();
}

#[test]
fn the_fork_that_answers_counts_its_requests_by_itself() {
    let mut solo = Solo::calling();
    solo.response_of("one", 180, b"");
    solo.request_of("one", "UPDATE", 900, b"");
    solo.response_of("two", 200, SDP);
    solo.look();
    solo.request_of("two", "BYE", 5, b"");
    assert_eq!(solo.look(), ["200 BYE"]);
}

#[test]
fn a_bye_that_overtakes_the_answer_ends_the_leg_and_the_late_answer_is_ended_too() {
    let mut solo = Solo::calling();
    solo.response(180, b"");
    solo.told();
    solo.request("BYE", 1, b"");
    assert_eq!(solo.told(), ["failed Left"]);
    assert_eq!(solo.look(), ["200 BYE", "CANCEL"]);
    solo.response(200, SDP);
    assert_eq!(solo.look(), ["ACK", "BYE"]);
    solo.answer_last("BYE", 481);
    assert!(solo.told().is_empty());
    solo.ends_clean();
}

#[test]
fn a_forward_is_told_by_181_or_by_a_header() {
    let mut solo = Solo::calling();
    solo.response(181, b"");
    assert_eq!(solo.told(), ["progress 181 forwarded"]);
    let invite = solo.invite.clone().unwrap();
    let mut writer = respond(&invite, address(2), 180, None, b"far");
    writer.line(Name::Diversion, b"<sip:1001@10.0.0.1>;reason=no-answer");
    solo.take(writer.finish());
    assert_eq!(solo.told(), ["progress 180 forwarded"]);
}

#[test]
fn a_cancel_is_held_back_and_the_owner_waits_4_s_from_when_it_goes_out() {
    let mut solo = Solo::calling();
    solo.legs.hang_up(solo.now, solo.leg);
    solo.pass(Duration::from_millis(3_900));
    assert!(solo.look().is_empty(), "neither CANCEL nor the INVITE again");
    solo.response(180, b"");
    assert_eq!(solo.look(), ["CANCEL"]);
    solo.pass(Duration::from_millis(3_900));
    assert!(solo.told().is_empty());
    solo.pass(Duration::from_millis(200));
    assert_eq!(solo.told(), ["failed Released"]);
    solo.response(487, b"");
    assert!(solo.told().is_empty());
    solo.ends_clean();
}

#[test]
fn an_answer_that_crosses_the_cancel_is_acknowledged_and_ended() {
    let mut solo = Solo::calling();
    solo.response(180, b"");
    solo.told();
    solo.legs.hang_up(solo.now, solo.leg);
    solo.response(200, SDP);
    assert_eq!(solo.look(), ["CANCEL", "ACK", "BYE"]);
    assert_eq!(solo.told(), ["failed Released"]);
    solo.response(200, SDP);
    assert_eq!(solo.look(), ["ACK"]);
    solo.answer_last("BYE", 200);
    solo.pass(Duration::from_secs(5));
    assert!(solo.told().is_empty());
    solo.ends_clean();
}

#[test]
fn hanging_up_before_the_ack_waits_for_it() {
    let mut solo = Solo::called(SDP);
    solo.legs.answer(solo.now, solo.leg, SDP);
    solo.legs.hang_up(solo.now, solo.leg);
    assert_eq!(solo.look(), ["200 INVITE"]);
    solo.request("INVITE", 2, SDP);
    assert_eq!(solo.look(), ["100 INVITE", "481 INVITE"]);
    solo.request("ACK", 1, b"");
    assert_eq!(solo.look(), ["BYE"]);
    solo.answer_last("BYE", 200);
    assert!(solo.told().is_empty());
    solo.ends_clean();
}

#[test]
fn hanging_up_does_not_wait_for_the_ack_of_a_change() {
    let mut solo = talking();
    solo.request("INVITE", 2, SDP);
    solo.legs.accept_change(solo.now, solo.leg, Some(SDP));
    solo.legs.hang_up(solo.now, solo.leg);
    assert_eq!(solo.look(), ["100 INVITE", "200 INVITE", "BYE"]);
    solo.pass(Duration::from_secs(3));
    assert!(!solo.look().contains(&"200 INVITE".to_owned()));
    solo.ends_clean();
}

#[test]
fn a_bye_before_the_ack_ends_the_leg_and_the_2xx_is_not_sent_again() {
    let mut solo = Solo::called(SDP);
    solo.legs.answer(solo.now, solo.leg, SDP);
    assert_eq!(solo.look(), ["200 INVITE"]);
    solo.request("BYE", 2, b"");
    assert_eq!(solo.look(), ["200 BYE"]);
    assert_eq!(solo.told(), ["ended Bye"]);
    solo.pass(Duration::from_secs(10));
    assert!(solo.look().is_empty());
    solo.ends_clean();
}

#[test]
fn a_2xx_without_ack_is_sent_eleven_times_then_the_leg_ends_at_64_t1() {
    let mut solo = Solo::called(SDP);
    solo.legs.answer(solo.now, solo.leg, SDP);
    solo.pass(Duration::from_millis(31_999));
    assert_eq!(solo.look(), ["200 INVITE"; 11]);
    assert!(solo.told().is_empty());
    solo.pass(Duration::from_millis(1));
    assert_eq!(solo.told(), ["ended Unacknowledged"]);
    assert_eq!(solo.look(), ["BYE"]);
    solo.ends_clean();
}

#[test]
fn a_cancel_after_the_answer_changes_nothing() {
    let mut solo = Solo::called(SDP);
    let tag = std::mem::take(&mut solo.near_tag);
    solo.legs.answer(solo.now, solo.leg, SDP);
    solo.legs.poll_transmit();
    let text = "CANCEL sip:strowger@10.0.0.2 SIP/2.0\nVia: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKINVITE1far\n\
        Max-Forwards: 70\nFrom: <sip:far@10.0.0.1>;tag=far\nTo: <sip:near@10.0.0.2>\nCall-ID: call-1\nCSeq: 1 CANCEL\n\n";
    solo.take(text.replace('\n', "\r\n").into());
    assert_eq!(solo.look(), ["200 CANCEL"]);
    assert!(solo.told().is_empty() && tag.is_empty());
}

#[test]
fn a_cancel_ends_the_ringing_leg_with_487() {
    let mut solo = Solo::called(SDP);
    solo.legs.ring(solo.now, solo.leg, 180, None);
    assert_eq!(solo.look(), ["180 INVITE"]);
    let text = "CANCEL sip:strowger@10.0.0.2 SIP/2.0\nVia: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKINVITE1far\n\
        Max-Forwards: 70\nFrom: <sip:far@10.0.0.1>;tag=far\nTo: <sip:near@10.0.0.2>\nCall-ID: call-1\nCSeq: 1 CANCEL\n\n";
    solo.take(text.replace('\n', "\r\n").into());
    assert_eq!(solo.look(), ["200 CANCEL", "487 INVITE"]);
    assert_eq!(solo.told(), ["ended Cancelled"]);
    solo.ends_clean();
}

#[test]
fn the_provisional_is_repeated_each_minute_until_the_final_response() {
    let mut solo = Solo::called(SDP);
    solo.legs.ring(solo.now, solo.leg, 183, Some(Bytes::from_static(SDP)));
    solo.pass(Duration::from_secs(125));
    assert_eq!(solo.look(), ["183 INVITE"; 3]);
    solo.legs.reject(solo.now, solo.leg, 480, "No Agent Available", None);
    assert_eq!(solo.look(), ["480 INVITE"]);
    solo.pass(Duration::from_secs(125));
    assert!(!solo.look().contains(&"183 INVITE".to_owned()));
    solo.ends_clean();
}

#[test]
fn an_ack_of_another_number_confirms_nothing() {
    let mut solo = talking();
    solo.request("INVITE", 2, SDP);
    assert_eq!(solo.told(), ["change with sdp"]);
    solo.legs.accept_change(solo.now, solo.leg, Some(SDP));
    solo.look();
    solo.request("ACK", 1, b"");
    assert!(solo.told().is_empty());
    solo.request("ACK", 2, b"");
    assert_eq!(solo.told(), ["confirmed"]);
    solo.pass(Duration::from_secs(10));
    assert!(solo.look().is_empty());
}

#[test]
fn an_offer_of_ours_in_a_2xx_is_answered_by_the_ack_and_crosses_no_other() {
    let mut solo = Solo::called(b"");
    solo.legs.answer(solo.now, solo.leg, SDP);
    solo.look();
    solo.request("UPDATE", 2, SDP);
    assert_eq!(solo.look(), ["491 UPDATE"]);
    solo.request("ACK", 1, SDP);
    assert_eq!(solo.told(), ["confirmed with sdp"]);
    solo.request("UPDATE", 3, SDP);
    assert_eq!(solo.told(), ["change with sdp"]);
}

#[test]
fn a_refused_change_leaves_target_and_session_as_they_were() {
    let mut solo = talking();
    let moved = |solo: &mut Solo, number: u32| {
        let text = format!(
            "INVITE sip:strowger@10.0.0.2 SIP/2.0\nVia: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKm{number}\nMax-Forwards: 70\n\
             From: <sip:far@10.0.0.1>;tag=far\nTo: <sip:near@10.0.0.2>;tag={}\nCall-ID: call-1\nCSeq: {number} INVITE\n\
             Contact: <sip:moved@10.0.0.9>\nContent-Length: 0\n\n",
            solo.near_tag
        );
        solo.take(text.replace('\n', "\r\n").into());
    };
    moved(&mut solo, 2);
    solo.legs.refuse_change(solo.now, solo.leg, 488);
    solo.legs.probe(solo.now, solo.leg);
    assert_eq!(solo.look(), ["100 INVITE", "488 INVITE", "OPTIONS"]);
    assert_eq!(solo.sent.last().unwrap().uri(), b"sip:far@10.0.0.1");
    solo.answer_last("OPTIONS", 405);
    assert_eq!(solo.told(), ["change", "probed true"]);
    moved(&mut solo, 3);
    solo.legs.accept_change(solo.now, solo.leg, Some(SDP));
    solo.look();
    solo.request("ACK", 3, SDP);
    solo.legs.hang_up(solo.now, solo.leg);
    assert_eq!(solo.look(), ["BYE"]);
    assert_eq!(solo.sent.last().unwrap().uri(), b"sip:moved@10.0.0.9");
}

/// What an Asterisk and others say of themselves.
const TAKES_UPDATE: &str = "Allow: INVITE, ACK, BYE, CANCEL, UPDATE\n";

#[test]
fn a_probe_tells_gone_by_481_by_408_and_by_silence() {
    for (status, alive) in [(481, false), (408, false), (200, true), (405, true), (501, true), (500, true)] {
        let mut solo = talking();
        solo.legs.probe(solo.now, solo.leg);
        solo.legs.probe(solo.now, solo.leg);
        assert_eq!(solo.look(), ["OPTIONS"]);
        solo.answer_last("OPTIONS", status);
        assert_eq!(solo.told(), [format!("probed {alive}")]);
    }
    let mut solo = talking();
    solo.legs.probe(solo.now, solo.leg);
    solo.pass(Duration::from_secs(33));
    assert_eq!(solo.told(), ["probed false"]);
}

#[test]
fn a_probe_is_an_update_where_the_far_end_takes_that_by_its_invite_or_its_answer() {
    let mut called = Solo::called_saying(TAKES_UPDATE, SDP);
    called.legs.answer(called.now, called.leg, SDP);
    called.look();
    let mut calling = Solo::calling();
    calling.extra = TAKES_UPDATE.to_owned();
    calling.response(200, SDP);
    calling.look();
    for mut solo in [called, calling] {
        solo.legs.probe(solo.now, solo.leg);
        assert_eq!(solo.look(), ["UPDATE"]);
        let supported = solo.sent.last().unwrap().value(Name::Supported).unwrap().to_vec();
        assert!(!String::from_utf8_lossy(&supported).contains("timer"), "no session timer is to begin by it");
        solo.answer_last("UPDATE", 481);
        assert_eq!(solo.told().last().unwrap(), "probed false");
    }
}

#[test]
fn a_ringing_caller_whose_180_was_lost_gets_another_before_its_481_is_believed() {
    let mut solo = Solo::called_saying(TAKES_UPDATE, SDP);
    solo.legs.ring(solo.now, solo.leg, 180, None);
    solo.look();
    solo.legs.probe(solo.now, solo.leg);
    assert_eq!(solo.look(), ["UPDATE"]);
    solo.answer_last("UPDATE", 481);
    assert!(solo.told().is_empty());
    assert_eq!(solo.look(), ["180 INVITE"]);
    solo.pass(Duration::from_secs(2));
    assert_eq!(solo.look(), ["180 INVITE", "UPDATE"]);
    solo.answer_last("UPDATE", 481);
    assert_eq!(solo.told(), ["probed false"]);
    solo.legs.hang_up(solo.now, solo.leg);
    assert_eq!(solo.look(), ["480 INVITE"]);
    solo.ends_clean();
}

#[test]
fn whoever_is_answered_while_it_is_to_be_asked_again_can_be_asked() {
    let mut solo = Solo::called_saying(TAKES_UPDATE, SDP);
    solo.legs.ring(solo.now, solo.leg, 180, None);
    solo.legs.probe(solo.now, solo.leg);
    solo.look();
    solo.answer_last("UPDATE", 481);
    solo.legs.answer(solo.now, solo.leg, SDP);
    solo.look();
    solo.request("ACK", 1, b"");
    solo.pass(Duration::from_secs(3));
    assert!(solo.look().is_empty());
    solo.legs.probe(solo.now, solo.leg);
    assert_eq!(solo.look(), ["UPDATE"]);
}

#[test]
fn a_neighbour_is_alive_unless_it_says_408_503_or_nothing_within_2_s() {
    for (status, alive) in [(200, true), (404, true), (408, false), (503, false)] {
        let mut solo = Solo::new();
        solo.legs.qualify(solo.now, address(1), 7);
        assert_eq!(solo.look(), ["OPTIONS"]);
        solo.answer_last("OPTIONS", status);
        assert_eq!(solo.told(), [format!("qualified {alive}")]);
        solo.ends_clean();
    }
    let mut solo = Solo::new();
    solo.legs.qualify(solo.now, address(1), 7);
    solo.pass(Duration::from_secs(2));
    assert_eq!(solo.told(), ["qualified false"]);
    solo.ends_clean();
}

#[test]
fn a_drain_is_told_to_neighbours_and_not_inside_calls() {
    let mut solo = talking();
    solo.legs.stop_accepting();
    solo.request("OPTIONS", 2, b"");
    assert_eq!(solo.look(), ["200 OPTIONS"]);
    solo.near_tag.clear();
    solo.request("OPTIONS", 3, b"");
    assert_eq!(solo.look(), ["503 OPTIONS"]);
}

#[test]
fn a_body_that_is_no_sdp_is_refused_and_told_for_the_count() {
    let mut solo = Solo::new();
    let text = "INVITE sip:strowger@10.0.0.2 SIP/2.0\nVia: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKx\nMax-Forwards: 70\n\
        From: <sip:far@10.0.0.1>;tag=far\nTo: <sip:near@10.0.0.2>\nCall-ID: c\nCSeq: 1 INVITE\nContact: <sip:far@10.0.0.1>\n\
        Content-Type: text/plain\nContent-Length: 2\n\nhi";
    solo.take(text.replace('\n', "\r\n").into());
    assert_eq!(solo.look(), ["100 INVITE", "415 INVITE"]);
    assert_eq!(solo.told(), ["unusable"]);
    solo.request("ACK", 1, b"");
    solo.ends_clean();
}

#[test]
fn requests_go_by_the_route_set_and_to_the_peer_when_the_contact_is_a_name() {
    let mut solo = Solo::calling();
    let invite = solo.invite.clone().unwrap();
    let mut writer = respond(&invite, address(2), 200, None, b"far");
    writer.line(Name::Contact, b"<sip:1001@pbx.example>");
    solo.take(writer.finish_body("application/sdp", SDP));
    assert_eq!(solo.legs.poll_transmit().unwrap().destination, address(1));
    let mut solo = Solo::calling();
    let invite = solo.invite.clone().unwrap();
    let mut writer = respond(&invite, address(2), 200, None, b"far");
    writer.line(Name::Contact, b"<sip:1001@10.0.0.9>");
    writer.line(Name::RecordRoute, b"<sip:10.0.0.8;lr>, <sip:10.0.0.7;lr>");
    solo.take(writer.finish_body("application/sdp", SDP));
    let ack = solo.legs.poll_transmit().unwrap();
    assert_eq!(ack.destination, address(7));
    let ack = Message::parse(ack.payload).unwrap();
    assert_eq!(ack.uri(), b"sip:1001@10.0.0.9");
    let routes: Vec<&[u8]> = ack.values(Name::Route).collect();
    assert_eq!(routes, [&b"<sip:10.0.0.7;lr>"[..], b"<sip:10.0.0.8;lr>"]);
}

/// A confirmed call of the far end.
fn talking() -> Solo {
    let mut solo = Solo::called(SDP);
    solo.legs.answer(solo.now, solo.leg, SDP);
    solo.look();
    solo.request("ACK", 1, b"");
    assert_eq!(solo.told(), ["confirmed"]);
    solo
}

/// The shard at 5061 calls a phone that has registered at 5060, from behind NAT.
#[test]
fn all_of_a_call_to_a_phone_behind_nat_goes_by_the_first_shards_door_and_names_no_other() {
    let (own, public, phone) =
        (SocketAddr::from(([10, 0, 0, 2], 5061)), address(2), SocketAddr::from(([198, 51, 100, 1], 4001)));
    let mut legs = Legs::of_shard(ShardId(1), own, Rng::from_u64(1));
    legs.set_public(public);
    legs.set_door(Door::Public);
    let sent = |legs: &mut Legs| {
        let transmit = legs.poll_transmit().expect("something is sent");
        assert_eq!((transmit.door, transmit.destination), (Door::Public, phone), "{}", label(&transmit.payload));
        let message = Message::parse(transmit.payload).expect("a message");
        if message.is_request() {
            assert_eq!(message.top_via().unwrap().port, Some(5060), "{:?}", message.method());
        }
        assert!(message.contact().is_none_or(|contact| contact.uri == b"sip:strowger@10.0.0.2:5060"));
        message
    };
    let answer = |request: &Message, status: u16| {
        let mut writer = respond(request, phone, status, None, b"far");
        writer.line(Name::Contact, b"<sip:1001@192.168.1.5>");
        Message::parse(writer.finish_body("application/sdp", SDP)).unwrap()
    };
    let cancelled = legs.invite(at(0), &Invite { behind_nat: Some(Door::Public), ..spec(phone) });
    let invite = sent(&mut legs);
    assert_eq!(invite.contact().unwrap().uri, b"sip:strowger@10.0.0.2:5060");
    legs.handle_message(at(1), phone, answer(&invite, 180));
    legs.hang_up(at(2), cancelled);
    let cancel = sent(&mut legs);
    legs.handle_message(at(3), phone, answer(&cancel, 200));
    legs.handle_message(at(3), phone, answer(&invite, 487));
    assert_eq!(sent(&mut legs).method(), Method::Ack);
    let leg = legs.invite(at(4), &Invite { behind_nat: Some(Door::Public), ..spec(phone) });
    let invite = sent(&mut legs);
    legs.handle_timeout(at(504));
    assert_eq!(sent(&mut legs).raw(), invite.raw(), "again, the same way");
    legs.handle_message(at(505), phone, answer(&invite, 200));
    assert_eq!(sent(&mut legs).method(), Method::Ack);
    let [from, to] =
        [Name::To, Name::From].map(|name| String::from_utf8_lossy(invite.value(name).unwrap()).into_owned());
    let hold = format!(
        "UPDATE sip:strowger@{public} SIP/2.0\r\nVia: SIP/2.0/UDP 192.168.1.5;branch=z9hG4bKu;rport\r\nFrom: {from};tag=far\r\n\
         To: {to}\r\nCall-ID: {}\r\nCSeq: 1 UPDATE\r\nMax-Forwards: 70\r\nContact: <sip:1001@192.168.1.5>\r\n\r\n",
        String::from_utf8_lossy(invite.call_id().unwrap())
    );
    legs.handle_message(at(600), phone, Message::parse(hold.into()).unwrap());
    let taken = sent(&mut legs);
    assert!(taken.status() == 200 && taken.contact().is_some());
    legs.hang_up(at(700), leg);
    let bye = sent(&mut legs);
    legs.handle_message(at(701), phone, answer(&bye, 200));
    assert_eq!((legs.live(), legs.poll_transmit()), (0, None));
    // Nothing is remembered of it but by its tag and branch.
    legs.handle_timeout(at(100_000));
    legs.handle_message(at(100_000), phone, answer(&invite, 200));
    assert_eq!([sent(&mut legs), sent(&mut legs)].map(|message| message.method()), [Method::Ack, Method::Bye]);
    // A trunk's is the shard's own.
    legs.invite(at(100_001), &spec(address(1)));
    let to_trunk = legs.poll_transmit().expect("an INVITE");
    let message = Message::parse(to_trunk.payload).unwrap();
    assert_eq!((to_trunk.door, message.top_via().unwrap().port), (Door::Own, Some(5061)));
    assert_eq!(message.contact().unwrap().uri, b"sip:strowger@10.0.0.2:5061");
}
