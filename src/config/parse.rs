//! Text to [`Config`]: reads the document table by table and answers with the whole configuration or with every error in it.
//! Pure: opens no file; paths in the result are as written, relative to the directory of the configuration.

use toml::de::DeTable;

use super::agents::agents;
use super::error::{ConfigError, Report};
use super::feature_codes::feature_codes;
use super::figures::figures;
use super::listeners::{drain, http, media, sip};
use super::moves::moves;
use super::peers::peers;
use super::queues::queues;
use super::reader::Section;
use super::registrar::registrar;
use super::routing::{Known, occupancy_window};
use super::skills::Vocabulary;
use super::teams::{reasons, teams};
use super::transfer::transfer;
use super::types::{Config, SipConfig};

const TABLES: [&str; 15] = [
    "sip",
    "media",
    "http",
    "drain",
    "registrar",
    "peers",
    "skills",
    "routing",
    "queues",
    "agents",
    "teams",
    "not_ready",
    "figures",
    "transfer",
    "feature_codes",
];

/// Reads a configuration. `file` is only named in errors; `strategies` are the names of the strategy table.
///
/// # Errors
///
/// Every error of the text, in its order: where it is not TOML, unknown keys, wrong types and values, what is missing, and
/// what does not fit together.
pub fn parse(text: &str, file: &str, strategies: &[&'static str]) -> Result<Config, Vec<ConfigError>> {
    let mut report = Report::new(file, text);
    let (document, broken) = DeTable::parse_recoverable(text);
    for error in broken {
        report.syntax(error.span().map_or(0, |span| span.start), error.message());
    }
    let document = Section::document(document.get_ref(), &TABLES, &mut report);
    let sip = sip(&document, &mut report);
    let spoken = sip.as_ref().map(SipConfig::spoken);
    let media = media(&document, spoken, &mut report);
    let http = http(&document, &mut report);
    let drain = drain(&document, &mut report);
    let registrar = registrar(&document, &mut report);
    let peers = peers(&document, sip.as_ref(), &mut report);
    let vocabulary = Vocabulary::read(&document, &mut report);
    let agents = agents(&document, &peers, sip.as_ref(), &vocabulary, &mut report);
    let (teams, terms) = teams(&document, &agents, &mut report);
    let known = Known::new(&document, strategies, &vocabulary, &agents, &teams);
    let queues = queues(&document, &known, &mut report);
    let reasons = reasons(&document, &mut report);
    let occupancy_window = occupancy_window(&document, &mut report);
    let transfer = transfer(&document, &peers, &mut report);
    let agent_names: Vec<_> = agents.iter().map(|agent| &agent.name).collect();
    let numbers = queues.iter().flat_map(|queue| queue.numbers.iter().map(|number| (&*number.number, &*queue.name)));
    let numbers: Vec<_> = numbers.collect();
    let feature_codes = feature_codes(&document, &peers, (&agent_names, &numbers), &reasons, &mut report);
    let (queue_names, team_names) = (queues.iter().map(|queue| &queue.name), teams.iter().map(|team| &team.name));
    let figures = figures(&document, queue_names, team_names, &mut report);
    let moves = moves(terms, &teams, &figures, &mut report);
    let errors = report.finish();
    match (sip, media, http, drain) {
        (Some(sip), Some(media), Some(http), Some(drain)) if errors.is_empty() => {
            let peers = peers.read;
            Ok(Config {
                sip,
                media,
                http,
                drain,
                registrar,
                peers,
                queues,
                agents,
                teams,
                moves,
                reasons,
                figures,
                transfer,
                feature_codes,
                occupancy_window,
            })
        }
        _ => Err(errors),
    }
}
