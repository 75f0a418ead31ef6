//! The attribute `a=crypto` (RFC 4568 9.1): `1 AES_CM_128_HMAC_SHA1_80 inline:KEY`, as many write it `inline:KEY|2^31`. One of
//! another suite, with a lifetime that a call might reach, an MKI, several keys or session parameters (unencrypted,
//! unauthenticated ...) is as if it were not there: who offers it usually offers a plain one too.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::keys::{KEY_BYTES, MasterKey, SALT_BYTES, Suite};
use crate::base::digits;

/// The tag of the one attribute that an offer of ours has.
pub const OFFERED_TAG: u32 = 1;
/// The longest line that [`write`] adds.
pub(crate) const ATTRIBUTE_BYTES_MAX: usize = 100;
/// Of 30 octets, which need no padding.
const BASE64_BYTES: usize = (KEY_BYTES + SALT_BYTES).div_ceil(3) * 4;
/// Digits of a tag.
const TAG_DIGITS_MAX: usize = 9;
/// For how many packets a key may be said to hold. No call sends the least of them: at 50 a second they take 497 days. So
/// nobody counts, and nobody goes on with a key that its owner holds for used up. The most is that of the suites (RFC 4568
/// 6.2.1), and what a key without a lifetime holds for.
const LIFETIME: std::ops::RangeInclusive<u64> = 1 << 31..=1 << 48;

/// What one side says of its encryption.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crypto {
    /// By which an answer names what it takes of an offer.
    pub tag: u32,
    /// How.
    pub suite: Suite,
    /// What its author sends with.
    pub key: MasterKey,
}

impl Crypto {
    /// What an offer of ours says of this key.
    pub const fn offer(key: MasterKey) -> Self {
        Self { tag: OFFERED_TAG, suite: Suite::Sha1Tag80, key }
    }

    /// True when it accepts what `offered` says (RFC 4568 5.1.3).
    pub fn answers(&self, offered: &Self) -> bool {
        (self.tag, self.suite) == (offered.tag, offered.suite)
    }

    /// Reads an attribute's value; `None` for one that cannot be used.
    pub(crate) fn parse(value: &[u8]) -> Option<Self> {
        let mut words = value.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty());
        let (tag, suite, key) = (words.next()?, words.next()?, words.next()?);
        let is_known = |more: &[u8]| more.get(..4).is_some_and(|name| name.eq_ignore_ascii_case(b"WSH="));
        // How large the window against replays should be is a hint; everything else changes what is sent.
        if tag.len() > TAG_DIGITS_MAX || !words.all(is_known) {
            return None;
        }
        let tag = digits::decimal(tag).and_then(|tag| u32::try_from(tag).ok())?;
        let suite = Suite::ALL.into_iter().find(|known| suite.eq_ignore_ascii_case(known.as_str().as_bytes()))?;
        let (method, key) = key.split_at_checked(METHOD.len())?;
        let (key, lifetime) = key.split_at_checked(BASE64_BYTES)?;
        if !method.eq_ignore_ascii_case(METHOD) || !lifetime.is_empty() && !is_lifetime(lifetime) {
            return None;
        }
        let mut octets = [0; KEY_BYTES + SALT_BYTES];
        (STANDARD.decode_slice(key, &mut octets).ok()? == octets.len()).then_some(())?;
        Some(Self { tag, suite, key: MasterKey(octets) })
    }
}

const METHOD: &[u8] = b"inline:";

/// Whether this, behind a key, is a lifetime that can be kept to and nothing else: `|2^31` or `|2147483648` (RFC 4568 6.1).
fn is_lifetime(text: &[u8]) -> bool {
    let Some(number) = text.strip_prefix(b"|").filter(|number| !number.starts_with(b"0")) else { return false };
    let packets = match number.strip_prefix(b"2^") {
        // Leading zeros are none here either.
        Some([b'0', ..]) => None,
        Some(power) => digits::decimal(power).and_then(|power| 1_u64.checked_shl(u32::try_from(power).ok()?)),
        None => digits::decimal(number),
    };
    packets.is_some_and(|packets| LIFETIME.contains(&packets))
}

/// Adds the attribute's line.
pub(crate) fn write(crypto: &Crypto, out: &mut Vec<u8>) {
    let mut key = [0; BASE64_BYTES];
    // The room is exact.
    if STANDARD.encode_slice(crypto.key.0, &mut key).is_err() {
        return;
    }
    let tag = crate::base::Digits::decimal(crypto.tag.into());
    for part in [b"a=crypto:", tag.as_bytes(), b" ", crypto.suite.as_str().as_bytes(), b" ", METHOD, &key, b"\r\n"] {
        out.extend_from_slice(part);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Of RFC 4568 9.1 without its lifetime and MKI.
    const LINE: &str = "1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";

    #[test]
    fn an_attribute_is_read_and_written() {
        let crypto = Crypto::parse(LINE.as_bytes()).unwrap();
        assert_eq!((crypto.tag, crypto.suite), (1, Suite::Sha1Tag80));
        assert_eq!(&crypto.key.0, b"YS___semctl () {\t220;}\n}\nunles");
        let mut text = Vec::new();
        write(&crypto, &mut text);
        assert_eq!(String::from_utf8(text).unwrap(), format!("a=crypto:{LINE}\r\n"));
        let other = LINE.replace("1 A", "007\t a").replace("_80", "_32").replace("inline", "INLINE") + " WSH=128";
        let crypto = Crypto::parse(other.as_bytes()).unwrap();
        assert_eq!((crypto.tag, crypto.suite), (7, Suite::Sha1Tag32));
        assert!(!format!("{crypto:?}").contains("89, 83"), "the key is not shown: {crypto:?}");
    }

    #[test]
    fn what_we_cannot_keep_to_is_as_if_it_were_not_there() {
        for (from, to) in [
            ("_80", "_128"),
            ("AES_CM_128", "AES_256_CM"),
            ("dXM", "=XM"),
            ("inline:", "uri:"),
            ("inline:", "inline:*"),
            ("bGVz", "bGV"),
            ("bGVz", "bGVzAAAA"),
            ("bGVz", "bGVz|2^31|1:4"),
            ("bGVz", "bGVz|2^31|"),
            ("bGVz", "bGVz|2^31|2^31"),
            ("bGVz", "bGVz|"),
            ("bGVz", "bGVz||2^31"),
            ("bGVz", "bGVz2^31"),
            ("bGV", "bG|2^31"),
            ("bGVz", "bGVz|1:4"),
            ("bGVz", "bGVz;inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"),
            ("bGVz", "bGVz UNENCRYPTED_SRTP"),
            ("bGVz", "bGVz WSH=64 UNAUTHENTICATED_SRTP"),
            ("bGVz", "bGVz KDR=1"),
            ("1 A", "1234567890 A"),
            ("1 A", "x A"),
            ("1 A", "A"),
        ] {
            let text = LINE.replace(from, to);
            assert!(text == LINE || Crypto::parse(text.as_bytes()).is_none(), "{text}");
        }
    }

    #[test]
    fn a_lifetime_counts_if_no_call_reaches_it() {
        let key = Crypto::parse(LINE.as_bytes());
        for lifetime in ["2^31", "2^32", "2^48", "2147483648", "281474976710656"] {
            for behind in ["", " WSH=64"] {
                assert_eq!(Crypto::parse(format!("{LINE}|{lifetime}{behind}").as_bytes()), key, "{lifetime}");
            }
        }
        for lifetime in [
            "2^30",
            "2^20",
            "2^49",
            "2^64",
            "2^4294967327",
            "2^18446744073709551647",
            "2^99999999999999999999999",
            "2147483647",
            "281474976710657",
            "18446744073709551616",
            "99999999999999999999999999",
            "0",
            "2^0",
            "2^",
            "2^031",
            "02^31",
            "02147483648",
            "2^-31",
            "-2147483648",
            "+2147483648",
            "2^31.0",
            "2^2^31",
            "3^31",
            "0x80000000",
            "2147483648 2^31",
        ] {
            assert_eq!(Crypto::parse(format!("{LINE}|{lifetime}").as_bytes()), None, "{lifetime}");
        }
    }

    #[test]
    fn an_answer_names_what_it_takes() {
        let ours = Crypto::offer(MasterKey([7; 30]));
        let theirs = Crypto { key: MasterKey([8; 30]), ..ours };
        assert!(theirs.answers(&ours));
        assert!(!Crypto { tag: 2, ..theirs }.answers(&ours));
        assert!(!Crypto { suite: Suite::Sha1Tag32, ..theirs }.answers(&ours));
    }

    proptest! {
        #[test]
        fn any_bytes_do_no_harm_and_any_key_comes_back(
            noise in proptest::collection::vec(any::<u8>(), 0..120), lifetime in "[|0-9^:]{0,24}",
            key: [u8; 30], tag in 0..1_000_000_000u32, long: bool,
        ) {
            let _ = Crypto::parse(&noise);
            let _ = Crypto::parse(format!("{LINE}{lifetime}").as_bytes());
            let crypto = Crypto { tag, suite: Suite::ALL[usize::from(long)], key: MasterKey(key) };
            let mut text = Vec::new();
            write(&crypto, &mut text);
            prop_assert!(text.len() <= ATTRIBUTE_BYTES_MAX);
            prop_assert_eq!(Crypto::parse(text.strip_prefix(b"a=crypto:").unwrap().trim_ascii()), Some(crypto));
        }
    }
}
