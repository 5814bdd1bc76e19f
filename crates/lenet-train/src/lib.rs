#![doc = include_str!("../README.md")]

mod average;
mod best;
pub mod checkpoint;
mod config;
mod error;
mod evaluate;
mod event;
mod lr_finder;
mod metrics;
mod mistakes;
pub mod optim;
mod run;
mod schedule;
mod trainer;

pub use average::Average;
pub use config::TrainConfig;
pub use error::{Error, Result};
pub use evaluate::{ClassReport, Evaluation, evaluate};
pub use event::{Event, Observer, Progress};
pub use lr_finder::{LrCurve, LrFinder};
pub use metrics::{EpochMetrics, Tally};
pub use mistakes::{Mistake, evaluate_with_mistakes, mistakes};
pub use optim::OptimizerKind;
pub use schedule::{Schedule, Scheduler};
pub use trainer::{Ended, Fit, Keep, OnBest, Trainer};
