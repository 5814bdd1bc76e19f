//! Dropout by key: which values fall out depends on the layer's key and the step.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

use candle_core::{Result, Tensor};
use candle_nn::ModuleT;
use lenet_tensor::{Key, ShapeError, dropout::dropout};

use super::Layer;
use crate::operator::Operator;

thread_local! {
    /// The step that [`at_step`] runs, and the dropouts that ran in it so far.
    static STEP: Cell<Option<(u64, u64)>> = const { Cell::new(None) };
}

/// Runs `f` as step number `step`: the masks of every [`Dropout`] within depend
/// on its key and on this number alone, so that a resumed run draws them again.
pub fn at_step<T>(step: u64, f: impl FnOnce() -> T) -> T {
    struct Restore(Option<(u64, u64)>);
    impl Drop for Restore {
        fn drop(&mut self) {
            STEP.set(self.0);
        }
    }
    let _restore = Restore(STEP.replace(Some((step, 0))));
    f()
}

/// PyTorch's `nn.Dropout`: in training mode each value is 0 with probability `p`
/// and else scaled by `1 / (1 - p)`; in evaluation mode nothing changes.
///
/// Outside of [`at_step`] the layer counts its own calls.
#[derive(Debug)]
pub struct Dropout {
    p: f64,
    key: Key,
    calls: AtomicU64,
}

impl Dropout {
    /// Drops with probability `p`; `key` is the layer's own, for example
    /// `key.fold_in("dropout1")`.
    ///
    /// # Errors
    /// A `p` outside `[0, 1]`.
    pub fn new(p: f64, key: Key) -> std::result::Result<Self, ShapeError> {
        if !(0.0..=1.0).contains(&p) {
            return Err(ShapeError::Other {
                op: "dropout",
                expected: "a probability from 0 to 1".to_owned(),
                got: p.to_string(),
            });
        }
        Ok(Self {
            p,
            key,
            calls: AtomicU64::new(0),
        })
    }

    /// The key of this call's mask.
    fn next_key(&self) -> Key {
        match STEP.get() {
            Some((step, call)) => {
                STEP.set(Some((step, call + 1)));
                self.key
                    .fold_in("step")
                    .fold_in_index(step)
                    .fold_in_index(call)
            }
            None => {
                let call = self.calls.fetch_add(1, Ordering::Relaxed);
                self.key.fold_in("call").fold_in_index(call)
            }
        }
    }
}

impl ModuleT for Dropout {
    fn forward_t(&self, x: &Tensor, train: bool) -> Result<Tensor> {
        if train && self.p > 0.0 {
            dropout(x, self.p, &self.next_key())
        } else {
            Ok(x.clone())
        }
    }
}

impl Layer for Dropout {
    fn describe(&self) -> String {
        format!("Dropout(p={})", self.p)
    }

    fn operator(&self) -> Operator {
        Operator::Identity
    }

    fn output_shape(&self, input: &[usize]) -> std::result::Result<Vec<usize>, ShapeError> {
        Ok(input.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{DType, Device};

    fn run(layer: &Dropout, train: bool) -> Vec<f32> {
        let x = Tensor::ones(64, DType::F32, &Device::Cpu).unwrap();
        layer.forward_t(&x, train).unwrap().to_vec1().unwrap()
    }

    #[test]
    fn evaluation_mode_keeps_everything() {
        let layer = Dropout::new(0.5, Key::from_seed(1)).unwrap();
        assert_eq!(run(&layer, false), vec![1.0; 64]);
        assert_ne!(run(&layer, true), vec![1.0; 64]);
    }

    #[test]
    fn calls_differ_and_a_step_repeats() {
        let layer = Dropout::new(0.5, Key::from_seed(1)).unwrap();
        assert_ne!(run(&layer, true), run(&layer, true));
        let step = |n| at_step(n, || (run(&layer, true), run(&layer, true)));
        let (first, second) = step(7);
        assert_ne!(first, second);
        assert_eq!(step(7), (first.clone(), second));
        assert_ne!(step(8).0, first);
        let other = Dropout::new(0.5, Key::from_seed(2)).unwrap();
        assert_ne!(at_step(7, || run(&other, true)), first);
    }

    #[test]
    fn a_probability_beyond_one_is_refused() {
        let error = Dropout::new(1.5, Key::from_seed(1)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "dropout: expected a probability from 0 to 1, got 1.5"
        );
    }
}
