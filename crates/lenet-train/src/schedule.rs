//! The learning rate as a pure function of the step.

use std::f64::consts::PI;
use std::fmt;
use std::str::FromStr;

/// How the learning rate goes over a run, by PyTorch's names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scheduler {
    /// It stays as it is.
    #[default]
    None,
    /// Times `gamma` after each epoch: `StepLR(step_size=1, gamma)`.
    Step,
    /// Down to 0 along half a cosine, step by step: `CosineAnnealingLR(T_max=steps)`.
    Cosine,
    /// Up from 1/25 for three tenths of the steps and down to 1/250,000, along half
    /// cosines: `OneCycleLR(max_lr=lr, total_steps=steps, cycle_momentum=False)` with
    /// PyTorch's defaults else (Smith & Topin 2019).
    OneCycle,
}

impl Scheduler {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::None, Self::Step, Self::Cosine, Self::OneCycle];

    fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Step => "step",
            Self::Cosine => "cosine",
            Self::OneCycle => "one-cycle",
        }
    }

    /// Whether a step's learning rate depends on how many there will be.
    pub fn looks_ahead(self) -> bool {
        matches!(self, Self::Cosine | Self::OneCycle)
    }
}

impl fmt::Display for Scheduler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Scheduler {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|kind| kind.name() == name);
        found.ok_or_else(|| {
            format!("unknown scheduler `{name}`: expected none, step, cosine or one-cycle")
        })
    }
}

/// A [`Scheduler`] for one run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    /// How it goes.
    pub scheduler: Scheduler,
    /// The learning rate that it begins at, or goes up to.
    pub lr: f64,
    /// [`Scheduler::Step`]'s factor.
    pub gamma: f64,
    /// Steps in an epoch.
    pub epoch_steps: u64,
    /// Steps in the whole run.
    pub steps: u64,
    /// Steps before, in which the learning rate grows in a line up to `lr`.
    pub warmup_steps: u64,
}

impl Schedule {
    /// The learning rate of a step, counted from 0.
    ///
    /// ```
    /// use lenet_train::{Schedule, Scheduler};
    ///
    /// let schedule = Schedule {
    ///     scheduler: Scheduler::Cosine,
    ///     lr: 0.1,
    ///     gamma: 0.7,
    ///     epoch_steps: 10,
    ///     steps: 100,
    ///     warmup_steps: 0,
    /// };
    /// assert_eq!(schedule.lr(0), 0.1);
    /// assert!((schedule.lr(50) - 0.05).abs() < 1e-12);
    /// ```
    pub fn lr(&self, step: u64) -> f64 {
        if step < self.warmup_steps {
            return self.lr * (step + 1) as f64 / self.warmup_steps as f64;
        }
        let step = step - self.warmup_steps;
        let steps = self.steps.saturating_sub(self.warmup_steps);
        match self.scheduler {
            Scheduler::None => self.lr,
            Scheduler::Step => {
                let epochs = step / self.epoch_steps.max(1);
                self.lr * self.gamma.powf(epochs as f64)
            }
            Scheduler::Cosine => between(self.lr, 0.0, step as f64 / steps.max(1) as f64),
            Scheduler::OneCycle => self.one_cycle(step as f64, steps as f64),
        }
    }

    fn one_cycle(&self, step: f64, steps: f64) -> f64 {
        const START: f64 = 0.3;
        const DIV: f64 = 25.0;
        const FINAL_DIV: f64 = 1e4;
        let lowest = self.lr / DIV;
        let (top, last) = (START * steps - 1.0, steps - 1.0);
        if step <= top && top > 0.0 {
            between(lowest, self.lr, step / top)
        } else {
            // Of a run with a single step nothing is left to go down.
            let way = ((step - top) / (last - top)).clamp(0.0, 1.0);
            between(self.lr, lowest / FINAL_DIV, way)
        }
    }
}

/// From `a` to `b` along half a cosine.
fn between(a: f64, b: f64, way: f64) -> f64 {
    b + (a - b) / 2.0 * (1.0 + (PI * way).cos())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn schedule(scheduler: Scheduler) -> Schedule {
        Schedule {
            scheduler,
            lr: 0.1,
            gamma: 0.5,
            epoch_steps: 10,
            steps: 100,
            warmup_steps: 0,
        }
    }

    #[test]
    fn each_goes_as_its_name_says() {
        // Sums and a cosine of f64.
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-15, "{a}, not {b}");
        let none = schedule(Scheduler::None);
        assert_eq!([none.lr(0), none.lr(99)], [0.1, 0.1]);
        let step = schedule(Scheduler::Step);
        assert_eq!([9, 10, 39].map(|s| step.lr(s)), [0.1, 0.05, 0.0125]);
        let cosine = schedule(Scheduler::Cosine);
        close(cosine.lr(0), 0.1);
        close(cosine.lr(25), 0.05 * (1.0 + 0.5f64.sqrt()));
        close(cosine.lr(100), 0.0);
        let cycle = schedule(Scheduler::OneCycle);
        close(cycle.lr(0), 0.004);
        close(cycle.lr(29), 0.1);
        close(cycle.lr(99), 0.004 / 1e4);
    }

    #[test]
    fn a_warm_up_goes_before_the_rest() {
        let warm = Schedule {
            warmup_steps: 20,
            ..schedule(Scheduler::Cosine)
        };
        assert_eq!([warm.lr(0), warm.lr(9), warm.lr(19)], [0.005, 0.05, 0.1]);
        assert_eq!(warm.lr(20), 0.1);
        assert!((warm.lr(60) - 0.05).abs() < 1e-15);
    }

    #[test]
    fn names_go_both_ways() {
        for scheduler in Scheduler::ALL {
            assert_eq!(scheduler.to_string().parse(), Ok(scheduler));
        }
        assert!(
            "exponential"
                .parse::<Scheduler>()
                .unwrap_err()
                .contains("one-cycle")
        );
    }

    proptest! {
        #[test]
        fn a_learning_rate_is_always_a_number_up_to_the_top(
            which in 0usize..4,
            lr in 1e-9..10f64,
            gamma in 0.01..1f64,
            epoch_steps in 1u64..50,
            steps in 1u64..200,
            warmup in 0u64..200,
            step in 0u64..300,
        ) {
            let scheduler = Scheduler::ALL[which];
            let warmup_steps = warmup % steps;
            let schedule = Schedule { scheduler, lr, gamma, epoch_steps, steps, warmup_steps };
            let now = schedule.lr(step);
            // A rounding above the top at most.
            prop_assert!(now >= 0.0 && now <= lr * (1.0 + 1e-15), "{now}");
        }
    }
}
