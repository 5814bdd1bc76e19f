//! The fully connected layer's product, `y = x·Wᵀ + b`.

use candle_core::{Result, Tensor};

use crate::ShapeError;

const OP: &str = "linear";

/// `x: [N, in]`, `weight: [out, in]`, `bias: [out]` → `[N, out]`; leading axes
/// before the last are kept as they are.
///
/// # Errors
/// Features that differ from the weight's.
pub fn linear(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    let (out, expected) = weight.dims2()?;
    let Some((&got, leading)) = x.dims().split_last() else {
        return Err(ShapeError::Rank {
            op: OP,
            expected: "input [N, in]",
            got: vec![],
        }
        .into());
    };
    if got != expected {
        return Err(ShapeError::Channels {
            op: OP,
            axis: "features",
            got,
            expected,
            weight: weight.dims().to_vec(),
        }
        .into());
    }
    let rows: usize = leading.iter().product();
    let y = x.reshape((rows, expected))?.matmul(&weight.t()?)?;
    let y = match bias {
        None => y,
        Some(bias) if bias.dims() == [out] => y.broadcast_add(bias)?,
        Some(bias) => {
            return Err(ShapeError::Bias {
                op: OP,
                bias: bias.dims().to_vec(),
                expected: out,
            }
            .into());
        }
    };
    let shape: Vec<usize> = leading.iter().copied().chain([out]).collect();
    y.reshape(shape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Key;
    use crate::testing::{check_gradients, uniform};
    use candle_core::{DType, Device};

    #[test]
    fn a_product_by_hand() {
        let x = Tensor::new(&[[1f32, 2.], [3., 4.]], &Device::Cpu).unwrap();
        let weight = Tensor::new(&[[1f32, 0.], [0., 1.], [1., 1.]], &Device::Cpu).unwrap();
        let bias = Tensor::new(&[0f32, 10., 100.], &Device::Cpu).unwrap();
        let y = linear(&x, &weight, Some(&bias)).unwrap();
        assert_eq!(
            y.to_vec2::<f32>().unwrap(),
            [[1., 12., 103.], [3., 14., 107.]]
        );
        let y = linear(&x.reshape((2, 1, 2)).unwrap(), &weight, None).unwrap();
        assert_eq!(y.dims(), [2, 1, 3]);
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let zeros = |shape: &[usize]| Tensor::zeros(shape, DType::F32, &Device::Cpu).unwrap();
        let error = linear(&zeros(&[2, 255]), &zeros(&[120, 256]), None)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("linear: input has 255 features but weight expects 256"),
            "{error}"
        );
        let error = linear(&zeros(&[2, 4]), &zeros(&[3, 4]), Some(&zeros(&[4]))).unwrap_err();
        assert!(error.to_string().contains("bias [4] should be [3]"));
    }

    #[test]
    fn gradients_agree_with_finite_differences() {
        let key = Key::from_seed(6);
        let inputs = [[4, 5], [3, 5]].map(|shape| uniform(key, &shape, DType::F64).unwrap());
        let [x, weight] = inputs;
        let bias = uniform(key, &[3], DType::F64).unwrap();
        check_gradients(&[x, weight, bias], |t| linear(&t[0], &t[1], Some(&t[2]))).unwrap();
    }
}
