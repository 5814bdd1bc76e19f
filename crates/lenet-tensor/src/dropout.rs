//! Dropout (Srivastava 2014), inverted as in PyTorch: what is kept is scaled up,
//! so that evaluation needs no change.

use candle_core::{Result, Tensor};

use crate::{Key, ShapeError};

/// Keeps each value with probability `1 - p` and scales it by `1 / (1 - p)`;
/// which ones, `key` says. Any shape. `p = 1` gives zeros.
///
/// # Errors
/// A `p` outside `[0, 1]`.
pub fn dropout(x: &Tensor, p: f64, key: &Key) -> Result<Tensor> {
    if !(0.0..=1.0).contains(&p) {
        return Err(ShapeError::Other {
            op: "dropout",
            expected: "a probability from 0 to 1".to_owned(),
            got: p.to_string(),
        }
        .into());
    }
    if p == 1.0 {
        return x.zeros_like();
    }
    let mask = Tensor::from_vec(key.mask(x.elem_count(), 1.0 - p), x.shape(), x.device())?;
    // First the dtype: in f32 the factor would be off by more than f64 rounds.
    x * mask.to_dtype(x.dtype())?.affine(1.0 / (1.0 - p), 0.0)?
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{DType, Device};

    #[test]
    fn what_is_kept_is_scaled_and_the_key_decides() {
        let x = Tensor::ones((40, 50), DType::F32, &Device::Cpu).unwrap();
        let key = Key::from_seed(1);
        let run = |key: &Key| {
            dropout(&x, 0.25, key)
                .unwrap()
                .flatten_all()
                .unwrap()
                .to_vec1::<f32>()
                .unwrap()
        };
        let y = run(&key);
        assert!(y.iter().all(|&v| v == 0.0 || (v - 4.0 / 3.0).abs() < 1e-6));
        // 2,000 draws: the share of 0.25 has a standard error of 0.0097.
        let dropped = y.iter().filter(|&&v| v == 0.0).count() as f64 / 2000.0;
        assert!((dropped - 0.25).abs() < 0.05, "{dropped}");
        assert_eq!(y, run(&key));
        assert_ne!(y, run(&key.fold_in("other")));
    }

    #[test]
    fn the_ends_work_and_beyond_is_refused() {
        let x = Tensor::new(&[1f32, f32::INFINITY], &Device::Cpu).unwrap();
        let key = Key::from_seed(1);
        assert_eq!(
            dropout(&x, 0.0, &key).unwrap().to_vec1::<f32>().unwrap(),
            [1., f32::INFINITY]
        );
        assert_eq!(
            dropout(&x, 1.0, &key).unwrap().to_vec1::<f32>().unwrap(),
            [0., 0.]
        );
        for p in [-0.1, 1.1, f64::NAN] {
            assert!(
                dropout(&x, p, &key)
                    .unwrap_err()
                    .to_string()
                    .contains("from 0 to 1")
            );
        }
    }
}
