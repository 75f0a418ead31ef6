//! A world in virtual time around the very node that the server runs: a network that loses and delays, phones that speak SIP
//! bytes, an oracle that watches every step, scenarios as text and random worlds from seeds. Holds no rule of routing.

pub mod act;
pub mod agent_phone;
pub mod books;
pub mod caller;
pub mod event;
pub mod exchange;
pub mod fact_text;
pub mod flows;
mod fork;
pub mod handset;
pub mod hearing;
pub mod hints;
mod house;
pub mod ladder;
mod lines;
pub mod network;
pub mod oracle;
pub mod phone;
pub mod registration;
pub mod scenario;
pub mod script;
pub mod script_step;
pub mod session;
pub mod silent_media;
pub mod studio;
pub mod terms;
pub mod town;
pub mod ua;
pub mod voice;
pub mod wire;
pub mod wiretap;
pub mod words;
pub mod workload;
pub mod world;

#[cfg(test)]
mod tests;
