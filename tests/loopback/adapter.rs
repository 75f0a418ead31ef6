//! An adapter before a phone of the simulator, which speaks by datagrams: what it says goes on by UDP, by TCP or by TLS, under
//! the adapter's own address, and what comes back is kept for the tests to read.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use strowger::config::{Config, FileAt, KeyFiles, TlsConfig};
use strowger::sip::framing::{Frame, Framer};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned,
};

/// A handshake on this machine.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);

/// How messages go.
#[derive(Debug, Clone)]
pub(super) enum Way {
    Udp,
    Tcp,
    Tls(Arc<Certified>),
}

/// One certificate of both loopback addresses for everybody, and its CA.
#[derive(Debug)]
pub(super) struct Certified {
    files: tempfile::TempDir,
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
}

impl Way {
    pub(super) fn tls() -> Self {
        let files = tempfile::tempdir().expect("a directory");
        let write = |name: &str, text: String| std::fs::write(files.path().join(name), text).expect("a file");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let authority = params.self_signed(&key).expect("a certificate");
        write("ca.pem", authority.pem());
        let issuer = Issuer::new(params, key);
        let hosts = [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()].map(|host| host.to_string());
        let key = KeyPair::generate().expect("a key");
        let own = CertificateParams::new(hosts).and_then(|own| own.signed_by(&key, &issuer)).expect("a certificate");
        write("own.pem", own.pem());
        write("own.key", key.serialize_pem());
        let mut roots = RootCertStore::empty();
        roots.add(authority.der().clone()).expect("a CA");
        let provider = || Arc::new(ring::default_provider());
        let client = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        let server = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        let server = server.expect("versions").with_no_client_auth().with_single_cert(vec![own.der().clone()], key);
        Self::Tls(Arc::new(Certified {
            files,
            client: Arc::new(client.expect("versions").with_root_certificates(roots).with_no_client_auth()),
            server: Arc::new(server.expect("a certificate with its key")),
        }))
    }

    /// The engine speaks it, beside UDP.
    pub(super) fn configure(&self, config: &mut Config) {
        let Self::Tls(certified) = self else {
            config.sip.tcp = matches!(self, Self::Tcp);
            return;
        };
        let file = |name: &str| FileAt { path: certified.file(name), line: 1, key: name.to_string() };
        // No port that the system chooses: it stands in Via and Contact. Of this number the test has the RTP port already.
        let port = config.media.ports.0;
        config.sip.tls = Some(TlsConfig {
            listen: SocketAddr::new(config.sip.listen.ip(), port),
            own: KeyFiles { certificate: file("own.pem"), key: file("own.key") },
            ca: Some(file("ca.pem")),
            client_ca: None,
            require_client_certificate: false,
        });
        if let Some(other) = &mut config.sip.other {
            other.tls = Some(SocketAddr::new(other.listen.ip(), port));
        }
    }

    /// As it stands in a Via.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls(_) => "TLS",
        }
    }

    /// As a URI asks for it.
    pub(super) const fn parameter(&self) -> &'static str {
        match self {
            Self::Udp => "",
            Self::Tcp => ";transport=tcp",
            Self::Tls(_) => ";transport=tls",
        }
    }
}

impl Certified {
    fn file(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }
}

trait Pipe: Read + Write {}
impl<T: Read + Write> Pipe for T {}

/// A connection with the engine.
struct Connection {
    pipe: Box<dyn Pipe>,
    framer: Framer,
}

impl Connection {
    fn new(pipe: impl Pipe + 'static) -> Self {
        Self { pipe: Box::new(pipe), framer: Framer::default() }
    }

    fn open(way: &Way, engine: SocketAddr) -> Self {
        let stream = TcpStream::connect(engine).expect("the engine listens");
        match way {
            Way::Udp => panic!("no stream"),
            Way::Tcp => Self::new(quick(stream)),
            Way::Tls(certified) => {
                let name = ServerName::from(engine.ip());
                let client = ClientConnection::new(Arc::clone(&certified.client), name).expect("a client");
                let mut stream = StreamOwned::new(client, slow(stream));
                stream.conn.complete_io(&mut stream.sock).expect("a handshake");
                stream.sock = quick(stream.sock);
                Self::new(stream)
            }
        }
    }

    fn accept(way: &Way, stream: TcpStream) -> Self {
        match way {
            Way::Udp => panic!("no stream"),
            Way::Tcp => Self::new(quick(stream)),
            Way::Tls(certified) => {
                let server = ServerConnection::new(Arc::clone(&certified.server)).expect("a server");
                let mut stream = StreamOwned::new(server, slow(stream));
                stream.conn.complete_io(&mut stream.sock).expect("a handshake");
                stream.sock = quick(stream.sock);
                Self::new(stream)
            }
        }
    }

    /// What has come; `None` at the end.
    fn read(&mut self) -> Option<Vec<String>> {
        let mut scratch = [0; 4_096];
        let mut messages = Vec::new();
        while let Ok(length) = self.pipe.read(&mut scratch) {
            if length == 0 {
                return None;
            }
            self.framer.push(&scratch[..length]);
        }
        while let Some(frame) = self.framer.poll() {
            match frame {
                Frame::Message(message) => messages.push(String::from_utf8_lossy(&message).into_owned()),
                Frame::Ping => {}
                Frame::Last(_) | Frame::Broken(_) => panic!("the engine writes whole messages"),
            }
        }
        Some(messages)
    }
}

fn slow(stream: TcpStream) -> TcpStream {
    stream.set_nonblocking(false).expect("a socket");
    stream.set_read_timeout(Some(HANDSHAKE_MAX)).expect("a socket");
    stream
}

fn quick(stream: TcpStream) -> TcpStream {
    stream.set_nonblocking(true).expect("a socket");
    stream
}

/// Where the engine finds it.
enum Far {
    Datagrams(UdpSocket),
    Streams(TcpListener, Vec<Connection>),
}

/// See the module.
pub(super) struct Adapter {
    way: Way,
    /// Where its phone finds it.
    near: UdpSocket,
    phone: Option<SocketAddr>,
    far: Far,
    own: SocketAddr,
    engine: Option<SocketAddr>,
    /// The engine's Contact.
    target: String,
    /// What the engine has said.
    heard: Vec<String>,
    /// Connections that the engine has opened.
    pub(super) accepted: usize,
}

impl Adapter {
    pub(super) fn at(host: IpAddr, way: &Way) -> Self {
        let datagrams = || {
            let socket = UdpSocket::bind((host, 0)).expect("a socket");
            socket.set_nonblocking(true).expect("a socket");
            socket
        };
        let (far, own) = match way {
            Way::Udp => {
                let socket = datagrams();
                let own = socket.local_addr();
                (Far::Datagrams(socket), own)
            }
            Way::Tcp | Way::Tls(_) => {
                let listener = TcpListener::bind((host, 0)).expect("a socket");
                listener.set_nonblocking(true).expect("a socket");
                let own = listener.local_addr();
                (Far::Streams(listener, Vec::new()), own)
            }
        };
        let (target, heard) = (String::new(), Vec::new());
        let own = own.expect("a bound socket");
        Self { way: way.clone(), near: datagrams(), phone: None, far, own, engine: None, target, heard, accepted: 0 }
    }

    /// Where its phone finds it.
    pub(super) fn near(&self) -> SocketAddr {
        self.near.local_addr().expect("a bound socket")
    }

    /// How the engine calls its phone.
    pub(super) fn uri(&self, name: &str) -> String {
        format!("sip:{name}@{}{}", self.own, self.way.parameter())
    }

    /// It is between these two from now on; a phone that calls tells where it is.
    pub(super) fn join(&mut self, phone: Option<SocketAddr>, engine: SocketAddr) {
        (self.phone, self.engine) = (phone, Some(engine));
    }

    /// The connections break.
    pub(super) fn break_off(&mut self) {
        if let Far::Streams(_, connections) = &mut self.far {
            connections.clear();
        }
    }

    /// The first message of the engine that begins so.
    pub(super) fn first(&self, begin: &str) -> &str {
        let found = self.heard.iter().find(|message| message.starts_with(begin));
        found.unwrap_or_else(|| panic!("no {begin}in {:?}", self.heard))
    }

    /// True when the engine has said something that begins so.
    pub(super) fn has_heard(&self, begin: &str) -> bool {
        self.heard.iter().any(|message| message.starts_with(begin))
    }

    /// Carries what there is.
    pub(super) fn turn(&mut self) {
        let mut scratch = [0; 65_535];
        while let Ok((length, source)) = self.near.recv_from(&mut scratch) {
            self.phone = Some(source);
            let text = self.outward(&String::from_utf8_lossy(&scratch[..length]), source);
            self.send(&text);
        }
        let mut come = Vec::new();
        match &mut self.far {
            Far::Datagrams(socket) => {
                while let Ok((length, _)) = socket.recv_from(&mut scratch) {
                    come.push(String::from_utf8_lossy(&scratch[..length]).into_owned());
                }
            }
            Far::Streams(listener, connections) => {
                while let Ok((stream, _)) = listener.accept() {
                    connections.push(Connection::accept(&self.way, stream));
                    self.accepted += 1;
                }
                connections.retain_mut(|connection| {
                    let read = connection.read();
                    let goes_on = read.is_some();
                    come.extend(read.into_iter().flatten());
                    goes_on
                });
            }
        }
        for message in come {
            let text = self.inward(&message);
            self.heard.push(message);
            let phone = self.phone.expect("the engine speaks to somebody");
            self.near.send_to(text.as_bytes(), phone).expect("loopback");
        }
    }

    /// By the newest connection, or by a new one.
    fn send(&mut self, text: &str) {
        let engine = self.engine.expect("it is joined");
        match &mut self.far {
            Far::Datagrams(socket) => drop(socket.send_to(text.as_bytes(), engine).expect("loopback")),
            Far::Streams(_, connections) => {
                if connections.is_empty() {
                    connections.push(Connection::open(&self.way, engine));
                }
                let newest = connections.last_mut().expect("just seen");
                newest.pipe.write_all(text.as_bytes()).and_then(|()| newest.pipe.flush()).expect("the engine reads");
            }
        }
    }

    /// A message of the phone under the adapter's address.
    fn outward(&self, text: &str, phone: SocketAddr) -> String {
        let (head, body) = text.split_once("\r\n\r\n").expect("a message");
        let via = format!("Via: SIP/2.0/UDP {phone}");
        let own = format!("Via: SIP/2.0/{} {}", self.way.name(), self.own);
        let lines = head.split("\r\n").map(|line| match line.starts_with("Contact: ") {
            true => line.replace(&format!("@{phone}>"), &format!("@{}{}>", self.own, self.way.parameter())),
            false => line.replace(&via, &own).replace(&format!("sip:strowger@{}", self.near()), &self.target),
        });
        format!("{}\r\n\r\n{body}", lines.collect::<Vec<_>>().join("\r\n"))
    }

    /// A message of the engine as the phone gets it: who answers it speaks to the adapter.
    fn inward(&mut self, text: &str) -> String {
        let (head, body) = text.split_once("\r\n\r\n").expect("a message");
        let mut lines: Vec<_> = head.split("\r\n").map(str::to_string).collect();
        for line in &mut lines {
            if let Some(contact) = line.strip_prefix("Contact: <").and_then(|rest| rest.strip_suffix('>')) {
                self.target = contact.to_string();
                *line = format!("Contact: <sip:strowger@{}>", self.near());
            }
        }
        format!("{}\r\n\r\n{body}", lines.join("\r\n"))
    }
}
