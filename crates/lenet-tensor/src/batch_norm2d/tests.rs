//! Against the composed twin and finite differences.

use candle_core::{DType, Device, Tensor, Var};
use proptest::prelude::*;

use super::{composed, evaluate, train};
use crate::Key;
use crate::testing::{assert_close, at_each_level, check_gradients, uniform};

const EPS: f64 = 1e-5;

fn inputs(key: Key, shape: [usize; 4], dtype: DType) -> [Tensor; 3] {
    let draw = |name, shape: &[usize]| uniform(key.fold_in(name), shape, dtype).unwrap();
    [
        draw("x", &shape),
        draw("weight", &shape[1..2]),
        draw("bias", &shape[1..2]),
    ]
}

fn values(t: &Tensor) -> Vec<f64> {
    let wide = t.to_dtype(DType::F64).unwrap();
    wide.flatten_all().unwrap().to_vec1().unwrap()
}

#[test]
fn gradients_agree_with_finite_differences() {
    let all = inputs(Key::from_seed(1), [2, 3, 3, 2], DType::F64);
    check_gradients(&all, |t| Ok(train(&t[0], &t[1], &t[2], EPS)?.y)).unwrap();
    let mean = Tensor::new(&[0.1, -0.2, 0.3], &Device::Cpu).unwrap();
    let variance = Tensor::new(&[0.5, 1.0, 2.0], &Device::Cpu).unwrap();
    check_gradients(&all, |t| {
        evaluate(&t[0], (&mean, &variance), &t[1], &t[2], EPS)
    })
    .unwrap();
}

/// Values far from 0: what is left of them is all in the digits that f32 would lose.
#[test]
fn a_large_mean_cancels_without_loss() {
    let shape = (1, 1, 2, 2);
    let x = Tensor::new(&[1e5f32, 100_001., 100_002., 100_003.], &Device::Cpu).unwrap();
    let x = Var::from_tensor(&x.reshape(shape).unwrap()).unwrap();
    let (one, zero) = (
        Tensor::ones(1, DType::F32, &Device::Cpu).unwrap(),
        Tensor::zeros(1, DType::F32, &Device::Cpu).unwrap(),
    );
    let y = train(&x, &one, &zero, 0.0).unwrap().y;
    // (0, 1, 2, 3) less 1.5, over √1.25, rounded once to f32.
    let exact = [-1.5, -0.5, 0.5, 1.5].map(|v: f64| v / 1.25f64.sqrt());
    assert_close(&values(&y), &exact, 1e-6);
}

#[test]
fn what_does_not_fit_is_named() {
    let zeros = |shape: &[usize]| Tensor::zeros(shape, DType::F32, &Device::Cpu).unwrap();
    let run = |x: &[usize], weight: usize, bias: usize| {
        let error = train(&zeros(x), &zeros(&[weight]), &zeros(&[bias]), EPS);
        error.unwrap_err().to_string()
    };
    assert!(run(&[2, 3, 4], 3, 3).contains("expected input [N, C, H, W]"));
    assert!(run(&[2, 3, 4, 4], 2, 3).contains("input has 3 channels but weight expects 2"));
    assert!(run(&[2, 3, 4, 4], 3, 2).contains("bias [2] should be [3]"));
    assert!(run(&[1, 3, 1, 1], 3, 3).contains("more than one value per channel"));
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let [x, weight, bias] = inputs(Key::from_seed(2), [9, 5, 7, 7], DType::F32);
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            let x = Var::from_tensor(&x).unwrap();
            let y = train(&x, &weight, &bias, EPS).unwrap().y;
            let gradients = y.sqr().unwrap().sum_all().unwrap().backward().unwrap();
            (values(&y), values(gradients.get(&x).unwrap()))
        })
    };
    let one = run(1);
    for threads in [2, 3, 8] {
        assert_eq!(run(threads), one, "{threads} threads");
    }
}

#[test]
fn each_level_gives_the_same_bits() {
    // 25 cells a plane: one block of sums, and a rest.
    let [x, weight, bias] = inputs(Key::from_seed(3), [6, 4, 5, 5], DType::F32);
    let found = std::cell::RefCell::new(Vec::new());
    at_each_level(|| {
        let x = Var::from_tensor(&x).unwrap();
        let made = train(&x, &weight, &bias, EPS).unwrap();
        let gradients = made.y.sqr().unwrap().sum_all().unwrap().backward().unwrap();
        let all = [
            &made.y,
            &made.mean,
            &made.variance,
            gradients.get(&x).unwrap(),
        ];
        found.borrow_mut().push(all.map(values));
    });
    for level in &found.borrow()[1..] {
        assert_eq!(level, &found.borrow()[0]);
    }
}

proptest! {
    #[test]
    fn the_composed_twin_agrees(
        batch in 2usize..5, channels in 1usize..4, height in 1usize..5, width in 1usize..5, seed: u64,
    ) {
        let all = inputs(Key::from_seed(seed), [batch, channels, width, height], DType::F64);
        let x = all[0].transpose(2, 3).unwrap();
        let run = |f: &dyn Fn(&Var, &Var, &Var) -> super::Normalized| {
            let vars = [&x.contiguous().unwrap(), &all[1], &all[2]].map(|t| Var::from_tensor(t).unwrap());
            let made = f(&vars[0], &vars[1], &vars[2]);
            let weigh = uniform(Key::from_seed(7), made.y.dims(), DType::F64).unwrap();
            let gradients = (&made.y * weigh).unwrap().sum_all().unwrap().backward().unwrap();
            let mut found = vec![values(&made.y), values(&made.mean), values(&made.variance)];
            found.extend(vars.iter().map(|var| values(gradients.get(var).unwrap())));
            found
        };
        let ours = run(&|x, w, b| train(x, w, b, EPS).unwrap());
        let theirs = run(&|x, w, b| composed(x, w, b, EPS).unwrap());
        for (ours, theirs) in ours.iter().zip(&theirs) {
            // f64 sums of a few dozen values in two orders; a channel of nearly equal
            // values has a small variance, whose root magnifies the difference.
            assert_close(ours, theirs, 1e-8);
        }
    }
}
