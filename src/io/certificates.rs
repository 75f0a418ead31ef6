//! Reads the certificates and keys that a configuration names, and says of each file that is no good the line which names it.
//! TLS 1.2 and 1.3 by rustls with ring's ciphers; what a peer must show is checked by webpki, as browsers do, with the one
//! difference that nobody may leave the subjectAltName out.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::rustls::client::ClientConfig;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::{NoClientAuth, ServerConfig, WebPkiClientVerifier};
use tokio_rustls::rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio_rustls::rustls::{Error, RootCertStore};
use webpki::{EndEntityCert, KeyUsage};

use crate::config::{Config, FileAt, KeyFiles, TlsConfig, Transport};
use crate::node::{Names, Wire};
use crate::sip::uri::Uri;

/// Where systems keep the CAs that they trust: Debian, Red Hat, Alpine.
const SYSTEM_CAS: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];
/// Larger files are no certificates: the system's CAs have 250 KB together.
const FILE_BYTES_MAX: u64 = 4 << 20;
/// Names of one certificate that are looked at.
const NAMES_MAX: usize = 64;
/// A certificate that ends sooner is warned of.
const SOON: Duration = Duration::from_secs(14 * DAY);
const DAY: u64 = 86_400;

/// What TLS is spoken with, read from files.
#[derive(Debug)]
pub struct Keys {
    /// For whoever connects to us.
    pub(super) server: Arc<ServerConfig>,
    /// For peers that say nothing of their own, and phones.
    pub(super) client: Arc<ClientConfig>,
    /// For the others, by name.
    pub(super) peers: BTreeMap<Arc<str>, Arc<ClientConfig>>,
}

/// What reading has found besides the keys.
#[derive(Debug, Default)]
pub struct Found {
    /// What cannot be used.
    pub errors: Vec<String>,
    /// Certificates of ours that are not valid now.
    pub dated: Vec<String>,
    /// What will be wrong before long, or is probably not meant.
    pub warnings: Vec<String>,
    /// What our certificates say.
    pub notes: Vec<String>,
}

/// Reads everything that a configuration names of TLS; nothing where TLS is not spoken. `file` is the configuration's name,
/// `base` its directory.
pub fn read(config: &Config, base: &Path, file: &str) -> (Option<Arc<Keys>>, Found) {
    let provider = Arc::new(ring::default_provider());
    let sip = &config.sip;
    let first = [Some(sip.listen.ip()), sip.advertise, sip.tls.as_ref().map(|tls| tls.listen.ip())];
    let other = sip.other.iter().flat_map(|it| [Some(it.listen.ip()), it.advertise, it.tls.map(|tls| tls.ip())]);
    let addresses = first.into_iter().chain(other).flatten().collect();
    let mut reading = Reading { base, file, now: UnixTime::now(), provider, addresses, found: Found::default() };
    let keys = config.sip.tls.as_ref().and_then(|tls| reading.keys(config, tls));
    (keys.map(Arc::new), reading.found)
}

/// The names in a certificate that a client has shown and that is good, in lower case: those of its subjectAltName that are host
/// names, without wildcards (RFC 5922 7.2), and its address, where that stands there. The common name is none.
pub(super) fn names_of(certificate: &CertificateDer<'_>, far: IpAddr) -> Names {
    let Ok(read) = EndEntityCert::try_from(certificate) else { return Names::default() };
    let address = ServerName::from(far);
    let address = read.verify_is_valid_for_subject_name(&address).ok().map(|()| Arc::from(far.to_string()));
    let names = read.valid_dns_names().filter(|name| !name.starts_with('*')).take(NAMES_MAX);
    names.map(|name| Arc::from(name.to_ascii_lowercase())).chain(address).collect()
}

/// A reading with what it has found so far.
struct Reading<'a> {
    base: &'a Path,
    file: &'a str,
    now: UnixTime,
    provider: Arc<CryptoProvider>,
    /// Where we are.
    addresses: BTreeSet<IpAddr>,
    found: Found,
}

impl Reading<'_> {
    /// All keys; every file is read, whatever is wrong with another.
    fn keys(&mut self, config: &Config, tls: &TlsConfig) -> Option<Keys> {
        let own = self.own(&tls.own);
        let server = own.as_ref().and_then(|own| self.server(tls, own));
        if let Some(ca) = tls.client_ca.as_ref().filter(|_| own.is_none()) {
            self.roots(ca);
        }
        let roots = match &tls.ca {
            Some(ca) => self.roots(ca),
            None => self.system_roots(config),
        };
        let default = (roots.clone(), own.clone());
        let client = self.client(default.0.clone(), default.1.clone());
        let mut peers = BTreeMap::new();
        for peer in &config.peers {
            let (ca, files) = (&peer.tls.ca, &peer.tls.own);
            if ca.is_none() && files.is_none() {
                continue;
            }
            let roots = ca.as_ref().map_or_else(|| roots.clone(), |ca| self.roots(ca));
            let own = files.as_ref().map_or_else(|| own.clone(), |files| self.own(files));
            peers.extend(self.client(roots, own).map(|client| (Arc::clone(&peer.name), client)));
        }
        if !self.found.errors.is_empty() {
            return None;
        }
        Some(Keys { server: server?, client: client?, peers })
    }

    fn server(&mut self, tls: &TlsConfig, own: &Arc<SingleCertAndKey>) -> Option<Arc<ServerConfig>> {
        let verifier = match &tls.client_ca {
            None => Arc::new(NoClientAuth),
            Some(ca) => {
                let builder = WebPkiClientVerifier::builder_with_provider(self.roots(ca)?, Arc::clone(&self.provider));
                let builder = if tls.require_client_certificate { builder } else { builder.allow_unauthenticated() };
                builder.build().map_err(|error| self.fault(ca, &error.to_string())).ok()?
            }
        };
        let versions =
            ServerConfig::builder_with_provider(Arc::clone(&self.provider)).with_safe_default_protocol_versions();
        let builder = versions.map_err(|error| self.fault(&tls.own.certificate, &error.to_string())).ok()?;
        let own = Arc::clone(own);
        Some(Arc::new(builder.with_client_cert_verifier(verifier).with_cert_resolver(own)))
    }

    fn client(
        &self,
        roots: Option<Arc<RootCertStore>>,
        own: Option<Arc<SingleCertAndKey>>,
    ) -> Option<Arc<ClientConfig>> {
        let versions =
            ClientConfig::builder_with_provider(Arc::clone(&self.provider)).with_safe_default_protocol_versions();
        let builder = versions.ok()?.with_root_certificates(roots?);
        Some(Arc::new(builder.with_client_cert_resolver(own?)))
    }

    /// A certificate with the key that belongs to it.
    fn own(&mut self, files: &KeyFiles) -> Option<Arc<SingleCertAndKey>> {
        let chain = self.certificates(&files.certificate);
        let key = self.text(&files.key).and_then(|text| match PrivateKeyDer::from_pem_slice(&text) {
            Ok(key) => Some(key),
            Err(pem::Error::NoItemsFound) => {
                self.fault(&files.key, "holds no private key (PEM, not encrypted)");
                None
            }
            Err(error) => {
                self.fault(&files.key, &error.to_string());
                None
            }
        });
        let (chain, key) = (chain?, key?);
        let leaf = chain.first()?.clone();
        match CertifiedKey::from_der(chain, key, &self.provider) {
            Ok(key) => {
                self.judge(&files.certificate, &leaf);
                Some(Arc::new(SingleCertAndKey::from(key)))
            }
            Err(Error::InconsistentKeys(_)) => {
                let certificate = self.base.join(&files.certificate.path).display().to_string();
                self.fault(&files.key, &format!("is not the key of the certificate {certificate}"));
                None
            }
            Err(error) => {
                self.fault(&files.key, &format!("is no key that can be used: {error}"));
                None
            }
        }
    }

    /// When our own certificate is valid, and for whom.
    fn judge(&mut self, at: &FileAt, leaf: &CertificateDer<'_>) {
        let Ok(read) = EndEntityCert::try_from(leaf) else {
            return self.fault(at, "is no certificate that can be read (X.509 version 3)");
        };
        let is_named = |address: &&IpAddr| read.verify_is_valid_for_subject_name(&ServerName::from(**address)).is_ok();
        let addresses = self.addresses.iter().filter(is_named).map(ToString::to_string);
        let names: Vec<_> = read.valid_dns_names().map(str::to_string).chain(addresses).collect();
        if names.is_empty() {
            let warning = "names neither a host nor an address of ours (subjectAltName): who looks refuses it";
            self.found.warnings.push(self.place(at, warning));
        }
        match validity(&read, self.now) {
            Validity::Not(why) => self.found.dated.push(self.place(at, &why)),
            Validity::Until(end) => {
                let left = Duration::from_secs(end.saturating_sub(self.now.as_secs()));
                let days = left.as_secs() / DAY;
                if left < SOON {
                    self.found.warnings.push(self.place(at, &format!("ends in {days} days")));
                }
                let names = if names.is_empty() { "nobody".to_string() } else { names.join(", ") };
                self.found.notes.push(self.place(at, &format!("of {names}, {days} days left")));
            }
        }
    }

    fn roots(&mut self, at: &FileAt) -> Option<Arc<RootCertStore>> {
        let mut roots = RootCertStore::empty();
        for certificate in self.certificates(at)? {
            if let Err(error) = roots.add(certificate) {
                self.fault(at, &format!("holds what is no CA's certificate: {error}"));
                return None;
            }
        }
        Some(Arc::new(roots))
    }

    /// The CAs that the system trusts, where somebody is to be judged by them.
    fn system_roots(&mut self, config: &Config) -> Option<Arc<RootCertStore>> {
        let mut roots = RootCertStore::empty();
        let peer = config.peers.iter().find(|peer| peer.transport == Transport::Tls && peer.tls.ca.is_none());
        let by_tls = |uri: &str| Uri::parse(uri.as_bytes()).ok().and_then(|uri| Wire::of(&uri)) == Some(Wire::Tls);
        if peer.is_none() && !config.agents.iter().any(|agent| by_tls(&agent.uri)) {
            return Some(Arc::new(roots));
        }
        let text = SYSTEM_CAS.iter().find_map(|path| std::fs::read(path).ok());
        let certificates = text.iter().flat_map(|text| CertificateDer::pem_slice_iter(text).filter_map(Result::ok));
        let (good, _) = roots.add_parsable_certificates(certificates);
        if good == 0 {
            let whose = peer.map_or_else(|| "phones".to_string(), |peer| format!("peers.{}", peer.name));
            self.found.errors.push(format!(
                "{}: {whose}: there is no file of CAs that the system trusts ({}); write tls_ca",
                self.file,
                SYSTEM_CAS.join(", ")
            ));
            return None;
        }
        Some(Arc::new(roots))
    }

    fn certificates(&mut self, at: &FileAt) -> Option<Vec<CertificateDer<'static>>> {
        let text = self.text(at)?;
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
        match certificates {
            Ok(certificates) if !certificates.is_empty() => return Some(certificates),
            Ok(_) => self.fault(at, "holds no certificate (PEM)"),
            Err(error) => self.fault(at, &error.to_string()),
        }
        None
    }

    fn text(&mut self, at: &FileAt) -> Option<Vec<u8>> {
        let path = self.base.join(&at.path);
        let read = std::fs::metadata(&path).and_then(|data| match data.len() > FILE_BYTES_MAX {
            true => Err(std::io::Error::other(format!("has {} bytes; allowed are {FILE_BYTES_MAX}", data.len()))),
            false => std::fs::read(&path),
        });
        read.map_err(|error| self.fault(at, &error.to_string())).ok()
    }

    fn fault(&mut self, at: &FileAt, what: &str) {
        let line = self.place(at, what);
        self.found.errors.push(line);
    }

    fn place(&self, at: &FileAt, what: &str) -> String {
        format!("{}:{}: {}: {}: {what}", self.file, at.line, at.key, self.base.join(&at.path).display())
    }
}

/// When a certificate is valid.
enum Validity {
    /// Not now: why, in words.
    Not(String),
    /// Until then, in seconds since 1970.
    Until(u64),
}

/// The times stand in a certificate's errors alone: it is asked about a day on which none is valid.
fn validity(certificate: &EndEntityCert<'_>, now: UnixTime) -> Validity {
    let judged = |at: UnixTime| {
        let usage = KeyUsage::server_auth();
        certificate.verify_for_usage(webpki::ALL_VERIFICATION_ALGS, &[], &[], at, usage, None, None).err()
    };
    let ago = |from: u64, to: u64| to.saturating_sub(from) / DAY;
    match judged(now) {
        Some(webpki::Error::CertExpired { not_after, .. }) => {
            return Validity::Not(format!("expired {} days ago", ago(not_after.as_secs(), now.as_secs())));
        }
        Some(webpki::Error::CertNotValidYet { not_before, .. }) => {
            return Validity::Not(format!(
                "is not valid for {} days yet",
                ago(now.as_secs(), not_before.as_secs()) + 1
            ));
        }
        Some(webpki::Error::InvalidCertValidity) => return Validity::Not("ends before it begins".to_string()),
        Some(_) | None => {}
    }
    match judged(UnixTime::since_unix_epoch(Duration::from_secs(FAR))) {
        Some(webpki::Error::CertExpired { not_after, .. }) => Validity::Until(not_after.as_secs()),
        Some(_) | None => Validity::Until(FAR),
    }
}

/// The year 9999 (RFC 5280 4.1.2.5): later than any certificate ends.
const FAR: u64 = 253_402_300_800;

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType};

    use super::*;
    use crate::io::load::parse;

    /// A folder with a CA and a configuration, as files.
    struct Folder {
        directory: tempfile::TempDir,
        ca: Issuer<'static, KeyPair>,
    }

    impl Folder {
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            let mut params = CertificateParams::new(Vec::new()).unwrap();
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            let key = KeyPair::generate().unwrap();
            let text = params.self_signed(&key).unwrap().pem();
            std::fs::write(directory.path().join("ca.pem"), text).unwrap();
            Self { directory, ca: Issuer::new(params, key) }
        }

        /// A certificate of these names, with its key, valid in these years.
        fn issue(&self, file: &str, names: &[&str], years: (i32, i32)) -> CertificateDer<'static> {
            let mut params =
                CertificateParams::new(names.iter().map(|name| (*name).to_string()).collect::<Vec<_>>()).unwrap();
            params.subject_alt_names.push(SanType::URI("sip:uri.example".try_into().unwrap()));
            (params.not_before, params.not_after) =
                (rcgen::date_time_ymd(years.0, 1, 1), rcgen::date_time_ymd(years.1, 1, 1));
            let key = KeyPair::generate().unwrap();
            let certificate = params.signed_by(&key, &self.ca).unwrap();
            let path = |end: &str| self.directory.path().join(format!("{file}.{end}"));
            std::fs::write(path("pem"), certificate.pem()).unwrap();
            std::fs::write(path("key"), key.serialize_pem()).unwrap();
            certificate.der().clone()
        }

        fn read(&self, certificate: &str, key: &str, more: &str) -> (Option<Arc<Keys>>, Found) {
            let text = format!(
                "[sip]\nlisten = \"127.0.0.1:5060\"\ntls = \"127.0.0.1:5061\"\ntls_certificate = \"{certificate}\"\n\
                 tls_key = \"{key}\"\n{more}\n[queues.q]\nnumbers = [\"1\"]\n"
            );
            read(&parse(&text, "s.toml").unwrap(), self.directory.path(), "s.toml")
        }

        /// What is wrong, without the folder's name.
        fn errors(&self, certificate: &str, key: &str, more: &str) -> Vec<String> {
            let (keys, found) = self.read(certificate, key, more);
            assert!(keys.is_none(), "{found:?}");
            let folder = format!("{}/", self.directory.path().display());
            found.errors.iter().map(|error| error.replace(&folder, "")).collect()
        }
    }

    #[test]
    fn good_files_make_keys_and_say_whom_they_name() {
        let folder = Folder::new();
        folder.issue("own", &["acd.example", "127.0.0.1"], (2020, 2200));
        let (keys, found) = folder.read("own.pem", "own.key", "tls_ca = \"ca.pem\"\ntls_client_ca = \"ca.pem\"");
        assert!(
            keys.is_some() && found.errors.is_empty() && found.dated.is_empty() && found.warnings.is_empty(),
            "{found:?}"
        );
        let [note] = &found.notes[..] else { panic!("one certificate") };
        assert!(
            note.starts_with("s.toml:4: sip.tls_certificate: ") && note.contains(": of acd.example, 127.0.0.1, "),
            "{note}"
        );
    }

    #[test]
    fn each_wrong_file_is_said_with_its_line() {
        let folder = Folder::new();
        folder.issue("own", &["acd.example"], (2020, 2200));
        folder.issue("other", &["acd.example"], (2020, 2200));
        std::fs::write(folder.directory.path().join("empty"), "").unwrap();
        for (certificate, key, more, expected) in [
            ("none.pem", "own.key", "", "4: sip.tls_certificate: none.pem: No such file or directory (os error 2)"),
            ("empty", "own.key", "", "4: sip.tls_certificate: empty: holds no certificate (PEM)"),
            ("own.pem", "empty", "", "5: sip.tls_key: empty: holds no private key (PEM, not encrypted)"),
            ("own.pem", "other.key", "", "5: sip.tls_key: other.key: is not the key of the certificate own.pem"),
            ("own.pem", "own.key", "tls_ca = \"empty\"", "6: sip.tls_ca: empty: holds no certificate (PEM)"),
            (
                "own.pem",
                "own.key",
                "tls_client_ca = \"empty\"",
                "6: sip.tls_client_ca: empty: holds no certificate (PEM)",
            ),
        ] {
            assert_eq!(folder.errors(certificate, key, more), [format!("s.toml:{expected}")]);
        }
        let all = folder.errors("none.pem", "empty", "tls_ca = \"none.ca\"\ntls_client_ca = \"empty\"");
        assert_eq!(all.len(), 4, "all at once: {all:?}");
        let peer = "[peers.p]\naddress = \"192.0.2.9\"\ntransport = \"tls\"\ntls_certificate = \"own.pem\"\ntls_key = \"other.key\"";
        let expected = "s.toml:11: peers.p.tls_key: other.key: is not the key of the certificate own.pem";
        assert_eq!(folder.errors("own.pem", "own.key", &format!("tls_ca = \"ca.pem\"\n{peer}")), [expected]);
    }

    #[test]
    fn a_certificate_that_is_not_valid_now_is_told_apart_from_a_broken_one() {
        let folder = Folder::new();
        for (years, why) in [((2001, 2002), "expired "), ((2150, 2200), "is not valid for ")] {
            folder.issue("own", &["acd.example"], years);
            let (keys, found) = folder.read("own.pem", "own.key", "");
            assert!(keys.is_some() && found.errors.is_empty(), "{found:?}");
            let [line] = &found.dated[..] else { panic!("{found:?}") };
            assert!(line.starts_with("s.toml:4: sip.tls_certificate: ") && line.contains(why), "{line}");
        }
    }

    #[test]
    fn a_client_has_the_names_of_hosts_and_its_own_address() {
        let folder = Folder::new();
        let names = ["PBX.example", "*.example", "198.51.100.7"];
        let certificate = folder.issue("client", &names, (2020, 2200));
        let of = |far: &str| {
            names_of(&certificate, far.parse().unwrap()).iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(of("198.51.100.7"), ["pbx.example", "198.51.100.7"]);
        assert_eq!(of("198.51.100.8"), ["pbx.example"]);
        assert!(names_of(&CertificateDer::from(vec![1, 2, 3]), "192.0.2.1".parse().unwrap()).is_empty());
    }
}
