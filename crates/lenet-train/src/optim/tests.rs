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
