//! What holds for every optimizer.

use candle_core::{Device, Var};
use lenet_nn::params::Entry;

use super::*;

fn entry(name: &str, values: &[f32]) -> Entry {
    Entry {
        name: name.to_owned(),
        var: Var::new(values, &Device::Cpu).unwrap(),
    }
}

fn both(entries: &[Entry]) -> Vec<Box<dyn Optimizer>> {
    let adam = lenet_tensor::adam::Hyper {
        lr: 0.1,
        ..Default::default()
    };
    let sgd = lenet_tensor::sgd::Hyper {
        lr: 0.1,
        ..Default::default()
    };
    vec![
        Box::new(Adam::new(entries.to_vec(), adam).unwrap()),
        Box::new(Sgd::new(entries.to_vec(), sgd).unwrap()),
    ]
}

/// Both, with something to remember.
fn with_momentum(entries: &[Entry]) -> Vec<Box<dyn Optimizer>> {
    let sgd = lenet_tensor::sgd::Hyper {
        lr: 0.1,
        momentum: 0.9,
        ..Default::default()
    };
    let adam = both(entries).remove(0);
    vec![adam, Box::new(Sgd::new(entries.to_vec(), sgd).unwrap())]
}

#[test]
fn both_walk_down_to_the_minimum() {
    for which in 0..2 {
        let x = entry("x", &[3., -2.]);
        let mut optimizer = both(std::slice::from_ref(&x)).remove(which);
        for _ in 0..200 {
            let gradients = x.var.sqr().unwrap().sum_all().unwrap().backward().unwrap();
            optimizer.step(&gradients).unwrap();
        }
        assert_eq!(optimizer.steps(), 200);
        for value in x.var.to_vec1::<f32>().unwrap() {
            // SGD shrinks by 0.8 a step; Adam still swings by a part of its step.
            assert!(value.abs() < 0.05, "{value}");
        }
    }
}

#[test]
fn a_missing_or_bad_gradient_is_named_and_nothing_moves() {
    let (x, y) = (entry("x", &[1.]), entry("y", &[1.]));
    for mut optimizer in both(&[x.clone(), y.clone()]) {
        let alone = x.var.sqr().unwrap().sum_all().unwrap().backward().unwrap();
        let error = optimizer.step(&alone).unwrap_err();
        assert!(
            error.to_string().starts_with("no gradient reached `y`"),
            "{error}"
        );
        let nan = ((&*x.var + y.var.log().unwrap()).unwrap() * f64::NAN).unwrap();
        let gradients = nan.sum_all().unwrap().backward().unwrap();
        let error = optimizer.step(&gradients).unwrap_err().to_string();
        assert!(
            error.starts_with("the gradient of `x` is NaN or infinite at step 1"),
            "{error}"
        );
        assert_eq!(optimizer.steps(), 0);
        assert_eq!(x.var.to_vec1::<f32>().unwrap(), [1.0]);
    }
}

#[test]
fn the_learning_rate_can_be_set() {
    let x = entry("x", &[1.]);
    for mut optimizer in both(std::slice::from_ref(&x)) {
        assert_eq!(optimizer.lr(), 0.1);
        optimizer.set_lr(0.0);
        let before = x.var.to_vec1::<f32>().unwrap();
        let gradients = x.var.sqr().unwrap().sum_all().unwrap().backward().unwrap();
        optimizer.step(&gradients).unwrap();
        assert_eq!(x.var.to_vec1::<f32>().unwrap(), before);
    }
}

#[test]
fn a_state_goes_on_to_the_bit() {
    let steps = |optimizer: &mut dyn Optimizer, x: &Entry, n: usize| {
        for _ in 0..n {
            let gradients = x.var.sqr().unwrap().sum_all().unwrap().backward().unwrap();
            optimizer.step(&gradients).unwrap();
        }
    };
    for which in 0..2 {
        let (straight, resumed) = (entry("x", &[3., -2.]), entry("x", &[3., -2.]));
        let make = |x: &Entry| with_momentum(std::slice::from_ref(x)).remove(which);
        let mut optimizer = make(&straight);
        steps(&mut *optimizer, &straight, 5);
        let mut optimizer = make(&resumed);
        steps(&mut *optimizer, &resumed, 2);
        let state = optimizer.state().unwrap();
        let by_name = || state.iter().map(|(name, tensor)| (name.as_str(), tensor));
        let mut optimizer = make(&resumed);
        optimizer.restore(2, &by_name().collect()).unwrap();
        assert_eq!(optimizer.steps(), 2);
        steps(&mut *optimizer, &resumed, 3);
        let values = |x: &Entry| x.var.to_vec1::<f32>().unwrap();
        assert_eq!(values(&straight), values(&resumed));
    }
}

#[test]
fn what_a_state_lacks_is_listed_and_nothing_changes() {
    let (x, y) = (entry("x", &[1.]), entry("y", &[1.]));
    for mut optimizer in with_momentum(&[x.clone(), y.clone()]) {
        let state = optimizer.state().unwrap();
        let wide = Tensor::new(&[1f32, 2.], &Device::Cpu).unwrap();
        let mut broken: HashMap<&str, &Tensor> = HashMap::new();
        for (name, tensor) in &state {
            if name.starts_with("x.") {
                broken.insert(name, &wide);
            } else if !name.starts_with("y.") {
                broken.insert(name, tensor);
            }
        }
        let error = optimizer.restore(7, &broken).unwrap_err().to_string();
        assert!(error.contains("has 2 values, expected 1"), "{error}");
        assert!(
            error.contains("`y.") && error.contains("is missing"),
            "{error}"
        );
        assert_eq!(optimizer.steps(), 0);
    }
}

#[test]
fn gradients_are_clipped_together() {
    let (x, y) = (entry("x", &[3.]), entry("y", &[4.]));
    let entries = [x.clone(), y.clone(), entry("unused", &[1.])];
    let gradients = || {
        let squares = (x.var.sqr().unwrap() + y.var.sqr().unwrap()).unwrap();
        (squares.sum_all().unwrap() * 0.5)
            .unwrap()
            .backward()
            .unwrap()
    };
    for (max_norm, expected) in [(10.0, [3.0, 4.0]), (1.0, [0.6, 0.8])] {
        let mut gradients = gradients();
        let norm = clip_grad_norm(&entries, &mut gradients, max_norm).unwrap();
        assert_eq!(norm, 5.0);
        for (entry, expected) in entries.iter().zip(expected) {
            let value = gradients.get(&entry.var).unwrap().to_vec1::<f32>().unwrap()[0];
            // PyTorch's 1e-6 beside the norm, and a rounding of f32.
            assert!((value - expected).abs() < 1e-6, "{value}");
        }
    }
}
