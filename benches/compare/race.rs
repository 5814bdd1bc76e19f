//! A race: contenders that take turns, and what is made of their times.

use std::time::Instant;

use candle_core::{Tensor, Var};
use lenet_nn::ModelKind;
use lenet_tensor::conv2d::{Conv2dOptions, conv2d};
use lenet_tensor::tasks::keep_awake;

use crate::Failure;
use crate::args::Args;
use crate::ours::{self, Data, local};
use crate::peers::Peers;

/// One step of a contender.
pub(crate) type Step = Box<dyn FnMut() -> Result<(), Failure> + Send>;

/// A contender in this process.
pub(crate) struct Local {
    pub(crate) name: String,
    /// Samples of a step.
    pub(crate) samples: usize,
    pub(crate) step: Step,
    /// Its own threads, where it does not use those of the process.
    pub(crate) pool: Option<rayon::ThreadPool>,
}

/// What the first contender is to reach against another.
#[derive(Clone, Copy)]
pub(crate) struct Target {
    pub(crate) against: &'static str,
    pub(crate) must: f64,
    pub(crate) goal: f64,
}

pub(crate) struct Race {
    name: String,
    locals: Vec<Local>,
    /// Measurements of peers, and the batch.
    peers: Vec<(&'static str, usize)>,
    targets: Vec<Target>,
}

/// What came of a race: samples a second, the median of the rounds.
pub(crate) struct Outcome {
    pub(crate) name: String,
    pub(crate) rates: Vec<(String, f64)>,
    pub(crate) targets: Vec<Target>,
}

impl Race {
    pub(crate) fn run(&mut self, args: &Args, peers: &mut Peers) -> Result<Outcome, Failure> {
        let mut rounds: Vec<(String, Vec<f64>)> = Vec::new();
        let mut note = |name: &str, rate: f64| match rounds.iter_mut().find(|r| r.0 == name) {
            Some((_, rates)) => rates.push(rate),
            None => rounds.push((name.to_owned(), vec![rate])),
        };
        for local in &mut self.locals {
            local.rate(args.seconds / 4.0)?; // warm up
        }
        for _ in 0..args.rounds {
            for local in &mut self.locals {
                let rate = local.rate(args.seconds)?;
                note(&local.name, rate);
            }
            for &(measurement, batch) in &self.peers {
                if let Some(rate) = peers.rate(measurement, batch, args.seconds)? {
                    note(measurement, rate);
                }
            }
        }
        let rates = rounds
            .into_iter()
            .map(|(name, rates)| (name, median(rates)));
        Ok(Outcome {
            name: self.name.clone(),
            rates: rates.collect(),
            targets: self.targets.clone(),
        })
    }
}

impl Local {
    /// Samples a second, over about so many seconds.
    fn rate(&mut self, seconds: f64) -> Result<f64, Failure> {
        let (step, samples) = (&mut self.step, self.samples);
        let steps = move || {
            let (mut done, start) = (0, Instant::now());
            loop {
                step()?;
                done += 1;
                let passed = start.elapsed().as_secs_f64();
                if passed >= seconds {
                    return Ok((done * samples) as f64 / passed);
                }
            }
        };
        match &self.pool {
            Some(pool) => pool.install(|| keep_awake(steps)),
            None => keep_awake(steps),
        }
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let (lower, upper) = ((values.len() - 1) / 2, values.len() / 2);
    (values[lower] + values[upper]) / 2.0
}

/// Makes the races of a group.
pub(crate) type Make = fn(&Data) -> Result<Vec<Race>, Failure>;

/// The groups by name, in their order.
pub(crate) const GROUPS: [(&str, Make); 7] = [
    ("train-64", |data| {
        let targets = [
            target("train-eager", 8.0, 12.0),
            target("train-tuned", 6.0, 8.5),
            target("train-candle", 70.0, 70.0),
            target("ours, Sequential", 0.97, 1.0),
        ];
        train(data, 64, &targets)
    }),
    ("train-4", |data| {
        let targets = [
            target("train-eager", 20.0, 40.0),
            target("train-jit", 6.5, 12.0),
        ];
        train(data, 4, &targets)
    }),
    ("train-128", |data| {
        let targets = [
            target("train-eager", 7.0, 10.0),
            target("train-tuned", 5.0, 7.5),
        ];
        train(data, 128, &targets)
    }),
    ("threads", threads),
    ("predict-1", |data| {
        predict(data, 1, "predict one image", target("predict", 2.0, 4.0))
    }),
    ("predict-10000", |data| {
        predict(
            data,
            1000,
            "predict in batches of 1,000",
            target("predict", 2.0, 3.0),
        )
    }),
    ("far-conv", |_| far_convs()),
];

const fn target(against: &'static str, must: f64, goal: f64) -> Target {
    Target {
        against,
        must,
        goal,
    }
}

fn train(data: &Data, batch: usize, targets: &[Target]) -> Result<Vec<Race>, Failure> {
    let ours = |kind| ours::trainer(data, kind, batch);
    let peers = ["train-candle", "train-eager", "train-tuned", "train-jit"];
    Ok(vec![Race {
        name: format!("train, batch {batch}"),
        locals: vec![
            local("ours", batch, ours(ModelKind::Lenet5)?),
            local(
                "ours, Sequential",
                batch,
                ours(ModelKind::Lenet5Sequential)?,
            ),
        ],
        peers: peers.map(|name| (name, batch)).to_vec(),
        targets: targets.to_vec(),
    }])
}

fn threads(data: &Data) -> Result<Vec<Race>, Failure> {
    let with = |threads: usize, name: &str| -> Result<Local, Failure> {
        Ok(Local {
            pool: Some(
                rayon::ThreadPoolBuilder::new()
                    .num_threads(threads)
                    .build()?,
            ),
            ..local(name, 64, ours::trainer(data, ModelKind::Lenet5, 64)?)
        })
    };
    Ok(vec![Race {
        name: "train, batch 64, by threads".to_owned(),
        locals: vec![with(2, "2 threads")?, with(1, "1 thread")?],
        peers: Vec::new(),
        targets: vec![Target {
            against: "1 thread",
            must: 1.7,
            goal: 1.9,
        }],
    }])
}

/// Images to digits.
fn predict(data: &Data, batch: usize, name: &str, target: Target) -> Result<Vec<Race>, Failure> {
    let mut locals = vec![local("ours", batch, ours::predictor(data, batch)?)];
    if batch > 1 {
        let samples = data.dataset.test.len();
        locals.push(local(
            "ours, evaluate",
            samples,
            ours::evaluator(data, batch)?,
        ));
    }
    let peers = ["predict", "predict-eager", "predict-jit", "predict-candle"];
    Ok(vec![Race {
        name: name.to_owned(),
        locals,
        peers: peers.map(|name| (name, batch)).to_vec(),
        targets: vec![target],
    }])
}

/// Convolutions far from LeNet's sizes, forward and both ways.
fn far_convs() -> Result<Vec<Race>, Failure> {
    let cases = [
        (
            "conv 32 to 64, 3x3 on 32x32, batch 32",
            [32, 32, 32, 32],
            [64, 32, 3, 3],
            1,
        ),
        (
            "conv 3 to 32, 7x7 stride 2 on 64x64, batch 32",
            [32, 3, 64, 64],
            [32, 3, 7, 7],
            2,
        ),
    ];
    let mut races = Vec::new();
    for (name, x, weight, stride) in cases {
        for both_ways in [false, true] {
            let step = |ours: bool| -> Result<Step, Failure> {
                let x = Var::from_tensor(&benches::uniform("x", &x)?)?;
                let bias = Var::from_tensor(&benches::uniform("bias", &weight[..1])?)?;
                let weight = Var::from_tensor(&benches::uniform("weight", &weight)?)?;
                let options = Conv2dOptions {
                    stride: [stride; 2],
                    ..Default::default()
                };
                let forward = move || -> candle_core::Result<Tensor> {
                    if ours {
                        return conv2d(&x, &weight, Some(&bias), options);
                    }
                    let bias = bias.reshape((1, (), 1, 1))?;
                    x.conv2d(&weight, 0, stride, 1, 1)?.broadcast_add(&bias)
                };
                Ok(Box::new(move || {
                    let y = forward()?;
                    if both_ways {
                        y.backward()?;
                    }
                    Ok(())
                }))
            };
            let must = if both_ways { 3.0 } else { 1.0 };
            races.push(Race {
                name: format!(
                    "{name}, {}",
                    if both_ways { "both ways" } else { "forward" }
                ),
                locals: vec![
                    local("ours", 32, step(true)?),
                    local("candle", 32, step(false)?),
                ],
                peers: Vec::new(),
                targets: vec![Target {
                    against: "candle",
                    must,
                    goal: must,
                }],
            });
        }
    }
    Ok(races)
}
