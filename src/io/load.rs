//! Reading a configuration with all that it names: the file itself, token and password files, WAV files, the table of regions,
//! host names. Everything that is wrong is reported at once, and nothing of a faulty configuration is used.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use crate::acd::strategy;
use crate::base::PerFamily;
use crate::base::limits::REGION_FILE_BYTES_MAX;
use crate::config::{self, Config, PeerAuth, Regions, RegionsConfig};
use crate::io::certificates::{self, Found, Keys};
use crate::io::resolve::{self, Hosts};
use crate::media::encoded::Encoded;
use crate::media::{Codec, Codecs, Signal, Track, TrackId, tune, wav};
use crate::node::{Prompt, QueueAudio, Resolved};
use crate::sip::auth::{Credentials, Password};

/// The built-in tune, known to every media worker.
const BUILT_IN: TrackId = TrackId(0);

/// A configuration ready to be put in force.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Arc<Config>,
    /// Host addresses and audio.
    pub resolved: Resolved,
    /// Users with their bearer tokens, those of token files included.
    pub tokens: Vec<(String, String)>,
    /// Audio that the media worker does not know yet.
    pub tracks: Vec<(TrackId, Track)>,
    /// What TLS is spoken with.
    pub keys: Option<Arc<Keys>>,
    /// Certificates of ours that are not valid now. Whoever starts does so all the same, for much else goes without; nobody else
    /// takes them.
    pub dated: Vec<String>,
    /// What will be wrong with certificates before long.
    pub warnings: Vec<String>,
    /// What certificates say.
    pub notes: Vec<String>,
}

/// Where a configuration comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum Origin {
    /// A file.
    File(PathBuf),
    /// A configuration made by the program itself.
    Made(Box<Config>),
}

/// Reads configurations from one origin, and remembers which audio the media worker already has.
#[derive(Debug)]
pub struct Loader {
    origin: Origin,
    /// Signalling shards, whatever the configuration says.
    shards: Option<u8>,
    tracks: BTreeMap<Recording, Piece>,
    next_track: u32,
    /// The table of regions read last, with its file and its moment of change.
    regions: Option<(Read, Arc<Regions>)>,
    /// The built-in tune was given with the first configuration.
    tune_given: bool,
    /// The address families that are bound: those of the first configuration.
    bound: Option<PerFamily<SocketAddr>>,
}

impl Loader {
    /// A loader that has loaded nothing yet.
    pub fn new(origin: Origin) -> Self {
        Self {
            origin,
            shards: None,
            tracks: BTreeMap::new(),
            next_track: BUILT_IN.0 + 1,
            regions: None,
            tune_given: false,
            bound: None,
        }
    }

    /// The same, with so many signalling shards whatever the configuration says.
    pub fn with_shards(self, shards: Option<u8>) -> Self {
        Self { shards, ..self }
    }

    /// The addresses of every host name of a configuration, in the families that were bound at the start; `known` as in
    /// [`Self::load`].
    pub async fn look_up(&mut self, config: &Config, known: &Hosts) -> Hosts {
        let bound = *self.bound.get_or_insert_with(|| config.sip.spoken());
        resolve::resolve(config, &bound, known).await
    }

    /// Reads everything. `known` are the addresses of the configuration in force, kept for names that are not found now.
    ///
    /// # Errors
    /// Every error of the text and of the files it names, one line each.
    pub async fn load(&mut self, known: &Hosts) -> Result<Loaded, Vec<String>> {
        let (mut config, base, name) = self.read_config()?;
        config.sip.shards = self.shards.unwrap_or(config.sip.shards);
        let mut errors = Vec::new();
        let tokens = read_tokens(&config, &base, &mut errors);
        read_passwords(&mut config, &base, &mut errors);
        let mut fresh = BTreeMap::new();
        let mut audio = BTreeMap::new();
        for queue in &config.queues {
            let mut read = |path: &Option<PathBuf>| {
                let path = base.join(path.as_ref()?);
                self.track(&path, &mut fresh)
                    .map_err(|error| errors.push(format!("queues.{}: {error}", queue.name)))
                    .ok()
            };
            let (music, prompt) = (read(&queue.music), read(&queue.prompt));
            if music.is_some() || prompt.is_some() {
                let codecs = [music, prompt].into_iter().flatten().fold(None, |both: Option<Codecs>, piece| {
                    Some(both.map_or(piece.codecs, |both| both.filtered(|codec| piece.codecs.contains(codec))))
                });
                let codecs = codecs.filter(|_| music.is_some()).unwrap_or(Codecs::G711);
                let music = music.map_or(BUILT_IN, |music| music.prompt.track);
                let prompt = prompt.map(|prompt| prompt.prompt);
                audio.insert(Arc::clone(&queue.name), QueueAudio { music, prompt, codecs });
            }
        }
        let regions = self.regions(&config, &base).unwrap_or_else(|wrong| {
            errors.extend(wrong);
            Arc::default()
        });
        let (keys, found) = certificates::read(&config, &base, &name);
        errors.extend(found.errors.iter().cloned());
        if !errors.is_empty() {
            return Err(errors);
        }
        let hosts = self.look_up(&config, known).await;
        let mut tracks = Vec::new();
        if !self.tune_given {
            self.tune_given = true;
            tracks.push((BUILT_IN, Track::from_samples(&tune::built_in())));
            let signal = |signal: Signal| (signal.track(), Track::from_samples(&signal.samples()));
            tracks.extend(Signal::ALL.map(signal));
        }
        for (key, (audio, track)) in fresh {
            self.tracks.insert(key, audio);
            tracks.push((audio.prompt.track, track));
        }
        let (config, resolved) = (Arc::new(config), Resolved { hosts, audio, regions });
        let Found { dated, warnings, notes, .. } = found;
        Ok(Loaded { config, resolved, tokens, tracks, keys, dated, warnings, notes })
    }

    /// The configuration, its directory and its name.
    fn read_config(&self) -> Result<(Config, PathBuf, String), Vec<String>> {
        match &self.origin {
            Origin::File(path) => {
                let name = path.display().to_string();
                let text = std::fs::read_to_string(path).map_err(|error| vec![format!("{name}: {error}")])?;
                let base = path.parent().unwrap_or_else(|| Path::new("")).to_path_buf();
                Ok((parse(&text, &name)?, base, name))
            }
            Origin::Made(config) => Ok((Config::clone(config), PathBuf::new(), "built-in".to_string())),
        }
    }

    /// The table of regions; one whose file has not changed is not read again.
    fn regions(&mut self, config: &Config, base: &Path) -> Result<Arc<Regions>, Vec<String>> {
        let RegionsConfig::File(file) = &config.figures.regions else { return Ok(Arc::default()) };
        let path = base.join(file);
        let wrong = |error: String| vec![format!("figures.regions: {}: {error}", path.display())];
        let data = std::fs::metadata(&path).map_err(|error| wrong(error.to_string()))?;
        let key = (path.clone(), data.modified().ok());
        if let Some((_, known)) = self.regions.as_ref().filter(|(last, _)| *last == key) {
            return Ok(Arc::clone(known));
        }
        if data.len() > REGION_FILE_BYTES_MAX {
            return Err(wrong(format!("has {} bytes; allowed are {REGION_FILE_BYTES_MAX}", data.len())));
        }
        let text = std::fs::read(&path).map_err(|error| wrong(error.to_string()))?;
        let table = Regions::parse(&text, &path.display().to_string())
            .map_err(|errors| errors.iter().map(|error| format!("figures.regions: {error}")).collect::<Vec<_>>())?;
        tracing::info!(rows = table.rows(), regions = table.names().len(), bytes = table.bytes(), "regions read");
        let table = Arc::new(table);
        self.regions = Some((key, Arc::clone(&table)));
        Ok(table)
    }

    /// The audio in a file, and in those of the same name beside it that have it in another codec; where one of them has changed
    /// since it was read, the audio gets another id.
    fn track(&mut self, path: &Path, fresh: &mut Fresh) -> Result<Piece, String> {
        let others = ENCODED.map(|codec| path.with_extension(codec.as_str()));
        let modified = |path: &Path| std::fs::metadata(path).and_then(|data| data.modified()).ok();
        let key = (path.to_path_buf(), modified(path), others.each_ref().map(|path| modified(path)));
        if let Some(audio) = self.tracks.get(&key).copied().or_else(|| fresh.get(&key).map(|(audio, _)| *audio)) {
            return Ok(audio);
        }
        let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let samples = wav::decode(&bytes).map_err(|error| format!("{}: {error}", path.display()))?;
        let mut track = Track::from_samples(&samples);
        for (codec, path) in ENCODED.into_iter().zip(others).filter(|(_, path)| path.exists()) {
            let wrong = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
            let bytes = std::fs::read(&path).map_err(|error| wrong(&error))?;
            let encoded = Encoded::read(codec, bytes.into()).map_err(|error| wrong(&error))?;
            track = track.with(codec, encoded);
        }
        let prompt = Prompt { track: TrackId(self.next_track), length: track.length() };
        let audio = Piece { prompt, codecs: track.codecs() };
        self.next_track += 1;
        fresh.insert(key, (audio, track));
        Ok(audio)
    }
}

/// A file and its moment of change when it was read.
type Read = (PathBuf, Option<SystemTime>);

/// A WAV file and its moment of change when it was read, and those of the files beside it.
type Recording = (PathBuf, Option<SystemTime>, [Option<SystemTime>; ENCODED.len()]);

/// In what audio is read from files beside the WAV file, each with the codec's name as its ending.
const ENCODED: [Codec; 3] = [Codec::G722, Codec::G729, Codec::Opus];

/// Audio that has an id.
#[derive(Debug, Clone, Copy)]
struct Piece {
    prompt: Prompt,
    /// In what it is there.
    codecs: Codecs,
}

/// Audio read but not yet loaded.
type Fresh = BTreeMap<Recording, (Piece, Track)>;

/// Reads a configuration text with the strategies that exist.
///
/// # Errors
/// Every error of the text, one line each.
pub fn parse(text: &str, name: &str) -> Result<Config, Vec<String>> {
    let strategies: Vec<_> = strategy::names().collect();
    config::parse(text, name, &strategies).map_err(|errors| errors.iter().map(ToString::to_string).collect())
}

fn read_tokens(config: &Config, base: &Path, errors: &mut Vec<String>) -> Vec<(String, String)> {
    let mut tokens = config.http.tokens.clone();
    for (name, file) in &config.http.token_files {
        let path = base.join(file);
        match std::fs::read_to_string(&path) {
            Err(error) => errors.push(format!("http.token_files.{name}: {}: {error}", path.display())),
            Ok(text) if text.trim().is_empty() || !text.trim().bytes().all(|b| b.is_ascii_graphic()) => {
                errors.push(format!("http.token_files.{name}: {}: no token of visible characters", path.display()));
            }
            Ok(text) => tokens.push((name.clone(), text.trim().to_string())),
        }
    }
    tokens
}

/// Puts the passwords of peers and agents, whose files or variables are named, into their places.
fn read_passwords(config: &mut Config, base: &Path, errors: &mut Vec<String>) {
    for peer in &mut config.peers {
        let mut read = |key: &str, credentials: &Credentials| match password(&credentials.password, base) {
            Ok(text) => Some(Credentials { password: Password::Text(text), ..credentials.clone() }),
            Err(error) => {
                errors.push(format!("peers.{}.{key}: {error}", peer.name));
                None
            }
        };
        if let Some(auth) = &mut peer.auth
            && let Some(credentials) = read("auth", &auth.credentials)
        {
            *auth = Arc::new(PeerAuth { credentials, algorithms: auth.algorithms.clone() });
        }
        if let Some(known) = &mut peer.outbound_auth
            && let Some(credentials) = read("outbound_auth", known)
        {
            *known = Arc::new(credentials);
        }
    }
    for agent in &mut config.agents {
        let Some(known) = &mut agent.register else { continue };
        match password(&known.password, base) {
            Ok(text) => *known = Arc::new(Credentials { password: Password::Text(text), ..Credentials::clone(known) }),
            Err(error) => errors.push(format!("agents.{}: {error}", agent.name)),
        }
    }
}

fn password(password: &Password, base: &Path) -> Result<String, String> {
    let (place, text) = match password {
        Password::Text(text) => return Ok(text.clone()),
        Password::File(file) => {
            let path = base.join(file).display().to_string();
            let text = std::fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
            (path, text)
        }
        Password::Variable(name) => {
            let text = std::env::var(name).map_err(|error| format!("environment variable {name}: {error}"))?;
            (format!("environment variable {name}"), text)
        }
    };
    let text = text.trim();
    config::is_secret(text).map(|()| text.to_string()).map_err(|error| format!("{place}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_read_from_where_it_is() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("good"), "s3cret word\n").unwrap();
        std::fs::write(directory.path().join("empty"), "\n").unwrap();
        let read = |place: Password| password(&place, directory.path());
        assert_eq!(read(Password::Text("as it is".to_string())).unwrap(), "as it is");
        assert_eq!(read(Password::File("good".into())).unwrap(), "s3cret word");
        assert!(read(Password::File("empty".into())).unwrap_err().ends_with("empty: is empty"));
        assert!(read(Password::File("none".into())).unwrap_err().contains("none: "));
        let error = read(Password::Variable("STROWGER_NO_SUCH_VARIABLE".to_string())).unwrap_err();
        assert!(error.starts_with("environment variable STROWGER_NO_SUCH_VARIABLE: "), "{error}");
    }

    #[test]
    fn audio_beside_the_wav_file_is_the_same_in_another_codec() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: 8_000,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut writer = hound::WavWriter::create(path("music.wav"), spec).unwrap();
        (0..320).for_each(|_| writer.write_sample(7_i16).unwrap());
        writer.finalize().unwrap();
        let mut loader = Loader::new(Origin::File(path("none.toml")));
        let mut read = |fresh: &mut Fresh| loader.track(&path("music.wav"), fresh);
        let mut fresh = Fresh::new();
        let plain = read(&mut fresh).unwrap();
        assert_eq!(plain.codecs, Codecs::G711);
        std::fs::write(path("music.g722"), [5; 480]).unwrap();
        std::fs::write(path("music.g729"), [6; 40]).unwrap();
        let richer = read(&mut fresh).unwrap();
        assert_eq!(richer.codecs, Codecs::G711.with(Codec::G722).with(Codec::G729));
        assert_ne!(richer.prompt.track, plain.prompt.track, "other audio has another id");
        assert_eq!(read(&mut fresh).unwrap().prompt, richer.prompt, "what has not changed is not read again");
        let (_, track) = fresh.values().find(|(piece, _)| piece.prompt == richer.prompt).unwrap();
        assert_eq!((track.frames_in(Codec::G722), track.frame(Codec::G729, 1)), (3, Some(&[6; 20][..])));
        std::fs::write(path("music.opus"), b"no Ogg").unwrap();
        let error = read(&mut fresh).unwrap_err();
        assert!(error.contains("music.opus: is no readable Ogg Opus file"), "{error}");
    }

    #[tokio::test]
    async fn names_are_looked_up_in_the_families_that_were_bound_at_the_start() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("both.toml");
        let write = |listen: &str| {
            let text = format!("[sip]\nlisten = [{listen}]\n[queues.q]\nnumbers = [\"1\"]\n");
            std::fs::write(&path, text).unwrap();
        };
        let mut loader = Loader::new(Origin::File(path.clone()));
        let mut firsts = Vec::new();
        for listen in ["\"127.0.0.1:5060\", \"[::1]:5060\"", "\"[::1]:5060\", \"127.0.0.1:5060\"", "\"[::1]:5060\""] {
            write(listen);
            let loaded = loader.load(&BTreeMap::new()).await.unwrap();
            firsts.push((loaded.config.sip.listen.is_ipv4(), loader.bound.map(|bound| bound.first().is_ipv4())));
        }
        assert_eq!(firsts, [(true, Some(true)), (false, Some(true)), (false, Some(true))]);
    }
}
