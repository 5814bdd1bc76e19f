//! Optimizers and schedules against PyTorch's: the same parameters and memory after
//! twenty steps of the same gradients, the same learning rate at every step.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on stops where it is"
)]

use candle_core::{DType, Device, Result, Tensor, Var};
use lenet_nn::params::Entry;
use lenet_tensor::testing::at_each_level;
use lenet_tensor::testing::golden::{Case, Golden};
use lenet_tensor::{adam, sgd};
use lenet_train::optim::{Adam, Optimizer, Sgd};
use lenet_train::{Schedule, Scheduler};

/// After these steps the file has the parameters.
const SEEN: [usize; 4] = [1, 2, 5, 20];

/// Both sides round some ten operations a step by 1e-16, over twenty steps: 1e-15 was
/// found.
const IN_F64: f64 = 1e-14;

/// The same by 6e-8, with fewer roundings on vectors: less than 1e-6 was found, and 2e-6
/// where gradients of both signs leave a moment near zero. A `1 - β₂` that is rounded
/// twice would show as 1e-5.
const IN_F32: f64 = 5e-6;

fn golden() -> Golden {
    Golden::open("tests/golden/training.safetensors")
}

#[test]
fn adam_is_pytorchs() {
    golden().each("adam", 3, |case| {
        check(case, |entries| adam_of(case, entries, false), None);
    });
}

#[test]
fn adamw_is_pytorchs() {
    golden().each("adamw", 3, |case| {
        check(case, |entries| adam_of(case, entries, true), None);
    });
}

#[test]
fn sgd_is_pytorchs() {
    golden().each("sgd", 6, |case| {
        let [lr, momentum, nesterov, weight_decay] = case.floats("hyper")[..] else {
            panic!("{}: four numbers", case.name());
        };
        let hyper = sgd::Hyper {
            lr,
            momentum,
            nesterov: nesterov != 0.0,
            weight_decay,
        };
        let make = |entries| -> Box<dyn Optimizer> { Box::new(Sgd::new(entries, hyper).unwrap()) };
        check(case, make, None);
    });
}

#[test]
fn an_optimizer_under_a_schedule_is_pytorchs() {
    golden().each("scheduled", 1, |case| {
        let schedule = Schedule {
            scheduler: Scheduler::OneCycle,
            lr: 0.1,
            gamma: 1.0,
            epoch_steps: 10,
            steps: 20,
            warmup_steps: 0,
        };
        let make = |entries| -> Box<dyn Optimizer> {
            Box::new(Adam::new(entries, adam::Hyper::default()).unwrap())
        };
        check(case, make, Some(schedule));
    });
}

fn adam_of(case: &Case<'_>, entries: Vec<Entry>, decoupled: bool) -> Box<dyn Optimizer> {
    let [lr, beta1, beta2, eps, weight_decay] = case.floats("hyper")[..] else {
        panic!("{}: five numbers", case.name());
    };
    let hyper = adam::Hyper {
        lr,
        beta1,
        beta2,
        eps,
        weight_decay,
        decoupled,
    };
    Box::new(Adam::new(entries, hyper).unwrap())
}

/// Runs the case's gradients through the optimizer that `make` makes, in f64 and in f32
/// with every set of vectors that the machine has.
fn check(
    case: &Case<'_>,
    make: impl Fn(Vec<Entry>) -> Box<dyn Optimizer>,
    schedule: Option<Schedule>,
) {
    steps(case, DType::F64, IN_F64, &make, schedule).unwrap();
    at_each_level(|| steps(case, DType::F32, IN_F32, &make, schedule).unwrap());
}

fn steps(
    case: &Case<'_>,
    dtype: DType,
    tolerance: f64,
    make: &impl Fn(Vec<Entry>) -> Box<dyn Optimizer>,
    schedule: Option<Schedule>,
) -> Result<()> {
    let var = Var::from_tensor(&case.input("start", dtype))?;
    let entry = Entry {
        name: "w".to_owned(),
        var: var.clone(),
    };
    let gradients = case.input("gradients", dtype);
    let mut optimizer = make(vec![entry]);
    let mut seen = Vec::new();
    for (step, gradient) in (1..).zip(gradients.chunk(gradients.dim(0)?, 0)?) {
        if let Some(schedule) = schedule {
            optimizer.set_lr(schedule.lr(step as u64 - 1));
        }
        // The gradient of a sum of products is the other factor, to the bit.
        let product = (var.as_tensor() * gradient.squeeze(0)?)?;
        optimizer.step(&product.sum_all()?.backward()?).unwrap();
        if SEEN.contains(&step) {
            seen.push(var.as_tensor().copy()?);
        }
    }
    case.check("parameters", &Tensor::stack(&seen, 0)?, tolerance);
    for (name, tensor) in optimizer.state().unwrap() {
        let name = name.strip_prefix("w.").unwrap();
        if case.has(&format!("{name}/{}", dtype.as_str())) {
            case.check(name, &tensor.reshape(var.dims())?, tolerance);
        } else {
            // SGD without momentum remembers what PyTorch does not keep.
            assert_eq!((name, case.floats("hyper")[1]), ("momentum_buffer", 0.0));
        }
    }
    Ok(())
}

#[test]
fn schedules_are_pytorchs() {
    golden().each("schedule", 11, |case| {
        let [which, epoch_steps, steps, warmup_steps] = case.integers("run")[..] else {
            panic!("{}: four numbers", case.name());
        };
        let [lr, gamma] = case.floats("hyper")[..] else {
            panic!("{}: two numbers", case.name());
        };
        let schedule = Schedule {
            scheduler: Scheduler::ALL[which],
            lr,
            gamma,
            epoch_steps: epoch_steps as u64,
            steps: steps as u64,
            warmup_steps: warmup_steps as u64,
        };
        let lrs: Vec<f64> = (0..steps as u64).map(|step| schedule.lr(step)).collect();
        // PyTorch goes from one step's learning rate to the next, up to a hundred
        // roundings of f64 one upon the other; here each is by itself.
        let lrs = Tensor::new(lrs, &Device::Cpu).unwrap();
        case.check("lr", &lrs, 1e-14);
    });
}
