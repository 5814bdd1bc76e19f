//! The four files over HTTP from their mirrors, checked by hash.
//!
//! Whether there is a network is settled within [`SETTLED`] for all mirrors
//! together: each is first asked for a header in its share of that time, and one
//! that does not answer is not asked again. A file from a mirror that did may
//! then take long, as long as something arrives.

use std::io::Read;
use std::path::Path;
use std::time::Duration;

use ureq::{Agent, Proxy};

use super::Watcher;
use super::obtain::Remote;
use crate::idx::IdxFile;
use crate::mnist::{Part, Published};
use crate::name::DatasetName;

/// All mirrors together must answer in this time, or there is no network.
const SETTLED: Duration = Duration::from_secs(13);
/// A connection takes longer than this only where it is not to be had.
const CONNECT: Duration = Duration::from_secs(5);
/// The longest pause in what arrives.
const STALL: Duration = Duration::from_secs(15);
/// The longest time for a file: 10 MB at 16 kB/s.
const FILE: Duration = Duration::from_secs(600);
/// No file of these sets has as many bytes, packed or not.
const MAX_BYTES: usize = 64 << 20;

/// Mirrors that each have the same four files, asked in order.
pub(super) struct Mirrors {
    agent: Agent,
    mirrors: Vec<Mirror>,
    patience: Duration,
}

struct Mirror {
    /// The folder's address, with its last slash.
    base: String,
    state: State,
}

enum State {
    Untried,
    Answers,
    /// Does not answer, for this reason.
    Silent(String),
}

impl Mirrors {
    /// The mirrors of a published set, through the proxy that the environment
    /// names (`ALL_PROXY`, `HTTPS_PROXY`, `HTTP_PROXY`, but for `NO_PROXY`).
    pub(super) fn of(name: DatasetName) -> Self {
        Self::new(bases(name), Proxy::try_from_env())
    }

    pub(super) fn new(bases: &[&str], proxy: Option<Proxy>) -> Self {
        let mirror = |base: &&str| Mirror {
            base: (*base).to_owned(),
            state: State::Untried,
        };
        // The Hub, if this build knows it, is asked within the same time.
        let places = bases.len() + usize::from(cfg!(feature = "hub"));
        Self {
            agent: agent(proxy),
            mirrors: bases.iter().map(mirror).collect(),
            patience: SETTLED / places.max(1) as u32,
        }
    }
}

fn bases(name: DatasetName) -> &'static [&'static str] {
    match name {
        DatasetName::Mnist => &[
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ],
        // The first has no HTTPS; what arrives is checked by hash either way.
        DatasetName::FashionMnist => &[
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        ],
        DatasetName::Sample | DatasetName::Idx => &[],
    }
}

fn agent(proxy: Option<Proxy>) -> Agent {
    Agent::config_builder()
        .proxy(proxy)
        .user_agent(concat!(
            env!("CARGO_PKG_NAME"),
            "/",
            env!("CARGO_PKG_VERSION")
        ))
        .timeout_connect(Some(CONNECT))
        .timeout_recv_response(Some(STALL))
        .timeout_per_read(Some(STALL))
        .timeout_global(Some(FILE))
        .build()
        .into()
}

/// Whether `address` answers at all within `patience`.
#[cfg(feature = "hub")]
pub(super) fn answers(address: &str) -> Result<(), String> {
    let patience = SETTLED / 3;
    probe(&agent(Proxy::try_from_env()), address, patience)
}

fn probe(agent: &Agent, address: &str, patience: Duration) -> Result<(), String> {
    let request = agent
        .head(address)
        .config()
        .timeout_global(Some(patience))
        // Any answer is an answer: what it says is for the real request.
        .http_status_as_error(false)
        .build();
    request.call().map(drop).map_err(|error| reason(&error))
}

impl Remote for Mirrors {
    fn fetch(
        &mut self,
        set: &Published,
        part: Part,
        watcher: &mut dyn Watcher,
    ) -> Result<(IdxFile, String), String> {
        let mut reasons = Vec::new();
        for mirror in &mut self.mirrors {
            match mirror.fetch(&self.agent, self.patience, set, part, watcher) {
                Ok(file) => return Ok((file, mirror.base.clone())),
                Err(why) => reasons.push(format!("{}: {why}", host(&mirror.base))),
            }
        }
        let is_silent = |mirror: &Mirror| matches!(mirror.state, State::Silent(_));
        let what = match self.mirrors.iter().all(is_silent) {
            true => "no network",
            false => "no mirror has the file",
        };
        Err(format!("{what} ({})", reasons.join("; ")))
    }
}

impl Mirror {
    fn fetch(
        &mut self,
        agent: &Agent,
        patience: Duration,
        set: &Published,
        part: Part,
        watcher: &mut dyn Watcher,
    ) -> Result<IdxFile, String> {
        let file = format!("{}.gz", part.file());
        let address = format!("{}{file}", self.base);
        match &self.state {
            State::Silent(why) => return Err(why.clone()),
            State::Answers => {}
            State::Untried => match probe(agent, &address, patience) {
                Ok(()) => self.state = State::Answers,
                Err(why) => {
                    self.state = State::Silent(why.clone());
                    return Err(why);
                }
            },
        }
        let bytes = get(agent, &address, &file, watcher).map_err(|error| {
            let why = reason(&error);
            if matches!(error, ureq::Error::Timeout(_)) {
                self.state = State::Silent(why.clone());
            }
            why
        })?;
        let len = bytes.len() as u64;
        let file = IdxFile::read(part.kind(), Path::new(&file), bytes.as_slice(), len)
            .and_then(|file| set.check(part, &file).map(|()| file));
        file.map_err(|error| error.to_string())
    }
}

/// The bytes at `address`, which `watcher` knows as `file`.
fn get(
    agent: &Agent,
    address: &str,
    file: &str,
    watcher: &mut dyn Watcher,
) -> Result<Vec<u8>, ureq::Error> {
    let response = agent.get(address).call()?;
    let body = response.into_body();
    watcher.download_started(file, body.content_length());
    let bytes = receive(body.into_reader(), watcher);
    watcher.download_finished();
    bytes
}

fn receive(mut body: impl Read, watcher: &mut dyn Watcher) -> Result<Vec<u8>, ureq::Error> {
    let mut bytes = Vec::new();
    let mut chunk = vec![0; 1 << 16];
    loop {
        // What ureq itself found stays what it is: a pause is a time-out.
        let n = body.read(&mut chunk).map_err(ureq::Error::from)?;
        if n == 0 {
            return Ok(bytes);
        }
        bytes.extend_from_slice(&chunk[..n]);
        if bytes.len() > MAX_BYTES {
            return Err(ureq::Error::BodyExceedsLimit(MAX_BYTES as u64));
        }
        watcher.downloaded(n as u64);
    }
}

fn reason(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Timeout(_) => "timed out".to_owned(),
        ureq::Error::StatusCode(status) => format!("answered {status}"),
        // Less the standard library's words before the resolver's own.
        ureq::Error::Io(error) => error
            .to_string()
            .replace("failed to lookup address information: ", ""),
        error => error.to_string(),
    }
}

/// The host of an address, by which a user knows it.
fn host(address: &str) -> &str {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest)
}

#[cfg(test)]
mod tests;
