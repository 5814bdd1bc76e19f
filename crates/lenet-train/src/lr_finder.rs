//! The learning-rate range test: a short run at a growing rate, and what its losses say.
//!
//! Smith 2017, "Cyclical Learning Rates for Training Neural Networks", 3.3; the rate grows
//! exponentially here, so that each power of ten has the same number of steps.

use lenet_data::Loader;
use lenet_tensor::tasks::keep_awake;

use crate::error::{Error, Result};
use crate::run::Run;
use crate::trainer::Trainer;

/// The fewest steps that have a slope on both sides.
const LEAST_STEPS: usize = 3;
/// A smoothed loss this many times the lowest ends the test.
const TOO_HIGH: f64 = 4.0;
/// The smoothing spans this share of the steps, so that the curve keeps its shape
/// whatever their number.
const SPAN: f64 = 0.05;

/// A learning-rate range test.
///
/// ```
/// use candle_core::Device;
/// use lenet_data::{Loader, Request, Transform};
/// use lenet_nn::{ModelKind, Parameters};
/// use lenet_train::{LrFinder, TrainConfig, Trainer};
///
/// let sample = Request { choice: "sample".parse()?, ..Request::default() };
/// let data = lenet_data::load(&sample, &mut ())?;
/// let config = TrainConfig::default();
/// let parameters = Parameters::new(config.key("parameters"), &Device::Cpu);
/// let model = ModelKind::Lenet5.build(config.flavour, &parameters)?;
/// let mut optimizer = config.optimizer(&parameters)?;
/// let loss = ModelKind::Lenet5.loss();
///
/// let train = Loader::new(&data.train, Transform::default(), 16)?;
/// let trainer = Trainer::new(&*model, &parameters, loss, &mut *optimizer);
/// let curve = LrFinder { steps: 20, ..LrFinder::default() }.run(trainer, &train)?;
/// assert!(curve.losses.len() <= 20 && curve.rates[0] == 1e-6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LrFinder {
    /// The first step's rate.
    pub from: f64,
    /// The last step's rate.
    pub to: f64,
    /// Steps at most.
    pub steps: usize,
}

impl Default for LrFinder {
    /// 200 steps from 1e-6 to 1.
    fn default() -> Self {
        Self {
            from: 1e-6,
            to: 1.0,
            steps: 200,
        }
    }
}

/// What a range test found: a value a step that was taken, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LrCurve {
    /// The rate of the steepest descent: where the smoothed loss falls fastest by the
    /// rate's logarithm (central differences), before it is lowest. The first twentieth
    /// of the steps, in which the average has not settled, is left out. `None` where the
    /// loss never falls.
    pub suggestion: Option<f64>,
    /// Learning rates.
    pub rates: Vec<f64>,
    /// The batch's mean loss, before the step.
    pub losses: Vec<f64>,
    /// Their exponential average `s ← β s + (1 − β) loss`, over `1 − βⁿ` after n steps as
    /// in Adam. `β = 1 − 20/steps`, from 0 to 0.98: 0.9 for 200 steps.
    pub smoothed: Vec<f64>,
}

impl LrFinder {
    /// Checks the settings as a whole.
    ///
    /// # Errors
    /// [`Error::Config`] with every fault at once.
    pub fn validate(&self) -> Result<()> {
        let mut faults = Vec::new();
        if !(self.from > 0.0 && self.from.is_finite()) {
            faults.push(format!(
                "`from` is {}: expected a number above 0",
                self.from
            ));
        }
        if !(self.to > self.from && self.to.is_finite()) {
            faults.push(format!(
                "`to` is {}: expected a number above `from`, {}",
                self.to, self.from
            ));
        }
        if self.steps < LEAST_STEPS {
            faults.push(format!(
                "`steps` is {}: expected at least {LEAST_STEPS}",
                self.steps
            ));
        }
        if faults.is_empty() {
            Ok(())
        } else {
            Err(Error::Config(faults))
        }
    }

    /// The rate of a step, counted from 0: `from · (to/from)^(step/(steps − 1))`.
    pub fn rate(&self, step: usize) -> f64 {
        let way = step as f64 / (self.steps - 1) as f64;
        self.from * (self.to / self.from).powf(way)
    }

    /// Takes the trainer's steps, over the batches of as many epochs as it takes, at
    /// growing rates; it ends early once the smoothed loss is above four times its lowest,
    /// or anything is NaN or infinite. The trainer's label smoothing and limit on gradients
    /// hold, its schedule and all that has to do with epochs do not. The parameters change,
    /// and are of no further use.
    ///
    /// # Errors
    /// Those of [`LrFinder::validate`], [`Error::Diverged`] at the very first step,
    /// [`Error::NoBatches`], or those of data and model.
    pub fn run(&self, trainer: Trainer<'_>, train: &Loader<'_>) -> Result<LrCurve> {
        self.run_watched(trainer, train, |_, _| {})
    }

    /// As [`LrFinder::run`]; `each` is told every step, from 0, with its loss.
    ///
    /// # Errors
    /// As [`LrFinder::run`].
    pub fn run_watched(
        &self,
        trainer: Trainer<'_>,
        train: &Loader<'_>,
        each: impl FnMut(usize, f64) + Send,
    ) -> Result<LrCurve> {
        self.validate()?;
        if train.batch_count() == 0 {
            return Err(Error::NoBatches("train on"));
        }
        let trainer = Trainer {
            schedule: None,
            ema_decay: None,
            resume: None,
            ..trainer
        };
        keep_awake(|| self.run_here(trainer, train, each))
    }

    fn run_here(
        &self,
        mut trainer: Trainer<'_>,
        train: &Loader<'_>,
        mut each: impl FnMut(usize, f64),
    ) -> Result<LrCurve> {
        let mut run = Run::begin(&mut trainer)?;
        let mut curve = LrCurve::default();
        let mut smoothing = Smoothing::new(self.steps);
        let batches = (0..).flat_map(|epoch| train.batches(epoch));
        for (step, batch) in batches.take(self.steps).enumerate() {
            let rate = self.rate(step);
            trainer.optimizer.set_lr(rate);
            let loss = match trainer.step(&batch?, &mut run) {
                Ok(seen) => seen.loss(),
                Err(Error::Diverged { .. }) if step > 0 => break,
                Err(error) => return Err(error),
            };
            curve.rates.push(rate);
            curve.losses.push(loss);
            each(step, loss);
            curve.smoothed.push(smoothing.next(loss));
            let settled = curve.smoothed.get(smoothing.span..).unwrap_or_default();
            let lowest = settled.iter().copied().fold(f64::INFINITY, f64::min);
            if settled.last().is_some_and(|&now| now > TOO_HIGH * lowest) {
                break;
            }
        }
        curve.suggestion = steepest(&curve.smoothed, smoothing.span).map(|i| curve.rates[i]);
        Ok(curve)
    }
}

/// The running average of [`LrCurve::smoothed`].
struct Smoothing {
    beta: f64,
    /// Steps until it has settled.
    span: usize,
    sum: f64,
    /// What the weights of all losses so far add up to.
    weight: f64,
}

impl Smoothing {
    fn new(steps: usize) -> Self {
        let span = SPAN * steps as f64;
        Self {
            beta: (1.0 - 1.0 / span).clamp(0.0, 0.98),
            span: span.ceil() as usize,
            sum: 0.0,
            weight: 0.0,
        }
    }

    fn next(&mut self, loss: f64) -> f64 {
        self.sum = self.beta * self.sum + (1.0 - self.beta) * loss;
        self.weight = self.beta * self.weight + (1.0 - self.beta);
        self.sum / self.weight
    }
}

/// Where a curve falls fastest, from `first` to its lowest point; the first such place.
fn steepest(curve: &[f64], first: usize) -> Option<usize> {
    let lowest = (0..curve.len()).min_by(|&i, &j| curve[i].total_cmp(&curve[j]))?;
    let inner = first.max(1)..curve.len().saturating_sub(1).min(lowest + 1);
    let slope = |i: usize| curve[i + 1] - curve[i - 1];
    inner
        .filter(|&i| slope(i) < 0.0)
        .min_by(|&i, &j| slope(i).total_cmp(&slope(j)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_rates_are_a_geometric_series_from_one_end_to_the_other() {
        let finder = LrFinder {
            from: 1e-4,
            to: 1.0,
            steps: 5,
        };
        for (step, expected) in [1e-4, 1e-3, 1e-2, 1e-1, 1.0].into_iter().enumerate() {
            // A power of f64.
            assert!((finder.rate(step) / expected - 1.0).abs() < 1e-14);
        }
    }

    #[test]
    fn the_suggestion_is_where_the_curve_falls_fastest_before_it_is_lowest() {
        // A fall whose middle is at 120, then a climb and a steeper fall, not so low.
        let fall = |i: usize| 2.3 - 2.0 / (1.0 + (-(i as f64 - 120.0) / 8.0).exp());
        let late = |i: usize| if i < 160 { 0.0 } else { [2.0, 0.5][i % 2] };
        let curve: Vec<f64> = (0..200).map(|i| fall(i) + late(i)).collect();
        assert_eq!(steepest(&curve, 10), Some(120));
        // What has not settled does not count.
        let mut jumpy = curve.clone();
        jumpy[0] = 9.0;
        assert_eq!(steepest(&jumpy, 0), Some(1));
        assert_eq!(steepest(&jumpy, 10), Some(120));
    }

    #[test]
    fn a_curve_that_never_falls_suggests_nothing() {
        for curve in [
            &[][..],
            &[1.0],
            &[2.0, 1.0],
            &[1.0; 9],
            &[1.0, 2.0, 3.0, 4.0],
        ] {
            assert_eq!(steepest(curve, 0), None, "{curve:?}");
        }
    }

    #[test]
    fn smoothing_follows_the_number_of_steps_and_starts_without_a_bias() {
        let betas = [3, 20, 200, 1000, 100_000].map(|steps| Smoothing::new(steps).beta);
        assert_eq!(betas, [0.0, 0.0, 0.9, 0.98, 0.98]);
        let mut smoothing = Smoothing::new(200);
        assert_eq!(smoothing.next(2.0), 2.0);
        // (0.9 · 0.1 · 2 + 0.1 · 4) / (1 − 0.81), in f64.
        assert!((smoothing.next(4.0) - 0.58 / 0.19).abs() < 1e-14);
    }

    #[test]
    fn every_fault_is_listed_at_once() {
        let fault = |from, to, steps| {
            let finder = LrFinder { from, to, steps };
            finder.validate().unwrap_err().to_string()
        };
        assert!(LrFinder::default().validate().is_ok());
        assert_eq!(
            fault(0.0, 0.0, 2),
            "`from` is 0: expected a number above 0; `to` is 0: expected a number above \
             `from`, 0; `steps` is 2: expected at least 3"
        );
        assert!(fault(1.0, 0.1, 200).contains("`to` is 0.1"));
        assert!(fault(f64::NAN, 1.0, 200).contains("`from` is NaN"));
        assert!(fault(1.0, f64::INFINITY, 200).contains("`to` is inf"));
    }

    proptest! {
        #[test]
        fn an_average_stays_within_what_it_averages(
            losses in prop::collection::vec(0.0..9f64, 1..50),
            steps in 3usize..5000,
        ) {
            let mut smoothing = Smoothing::new(steps);
            let highest = losses.iter().copied().fold(0.0, f64::max);
            for &loss in &losses {
                let smoothed = smoothing.next(loss);
                // Some roundings above the highest at most.
                prop_assert!((0.0..=highest * (1.0 + 1e-12)).contains(&smoothed));
            }
        }
    }
}
