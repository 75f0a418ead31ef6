//! By which calendar and how finely figures are kept.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::stats::SeriesMax;
use crate::stats::calendar::Calendar;

use crate::config::regions::Regions;

/// `[figures]`
#[derive(Debug, Clone, PartialEq)]
pub struct FiguresConfig {
    /// `time_zone = "Asia/Shanghai"` (an IANA name, default `"UTC"`), `day_start = "06:00"` (default midnight), `week_start =
    /// "sunday"` (default Monday): the calendar of every queue that has no zone of its own. Intervals already counted stay.
    pub calendar: Arc<Calendar>,
    /// `time_zones = { sales = "America/New_York" }`: queues with a time zone of their own, by name.
    pub calendars: BTreeMap<Arc<str>, Arc<Calendar>>,
    /// `thresholds = ["15s", "30s"]`: bounds of the wait histograms beside the default ones and the queues' thresholds, so
    /// that service levels at them can be had. Fixed while the process lives.
    pub thresholds: Vec<Duration>,
    /// `regions = "regions.csv"` or `regions = { "8610" = "北京" }`: which region a caller's number is of. Default nowhere.
    pub regions: RegionsConfig,
    /// `agent_series = true | false | ["sales"]`: which agents have metric series of their own. Default none: they are many.
    pub agent_series: AgentSeries,
    /// `series_max = { number = 200, campaign = 100, region = 500, trunk = 100, agent = 1000 }`: how many values have figures
    /// of their own; further ones share `other`. Fixed while the process lives.
    pub series_max: SeriesMax,
}

/// Where the regions of callers stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegionsConfig {
    /// In a file ([`Regions::parse`]), read by the shell; relative to the configuration's directory.
    File(PathBuf),
    /// In the configuration; empty where there is no key.
    Written(Arc<Regions>),
}

/// Which agents have metric series of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgentSeries {
    /// None.
    Off,
    /// Each.
    All,
    /// Those of these teams and of the teams below them.
    Teams(Vec<Arc<str>>),
}

impl FiguresConfig {
    /// The calendar of a queue.
    pub fn calendar_of(&self, queue: &str) -> &Arc<Calendar> {
        self.calendars.get(queue).unwrap_or(&self.calendar)
    }
}

impl Default for FiguresConfig {
    fn default() -> Self {
        Self {
            calendar: Arc::new(Calendar::utc()),
            calendars: BTreeMap::new(),
            thresholds: Vec::new(),
            regions: RegionsConfig::Written(Arc::default()),
            agent_series: AgentSeries::Off,
            series_max: SeriesMax::default(),
        }
    }
}
