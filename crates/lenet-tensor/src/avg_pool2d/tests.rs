//! One suite for the operation and its composed twin.

use candle_core::{DType, Device, Tensor, Var};
use proptest::prelude::*;

use super::{OP, avg_pool2d, composed};
use crate::Key;
use crate::geometry::Pool2dGeometry;
use crate::testing::{assert_close, check_gradients, uniform};

#[test]
fn means_by_hand() {
    let x = Tensor::new(
        &[[[[1f32, 2., 9.], [3., 6., 9.], [9., 9., 9.]]]],
        &Device::Cpu,
    )
    .unwrap();
    let y = avg_pool2d(&x, 2, 2).unwrap();
    assert_eq!(y.flatten_all().unwrap().to_vec1::<f32>().unwrap(), [3.0]);
}

#[test]
fn gradients_agree_with_finite_differences() {
    for (kernel, stride) in [((2, 2), (2, 2)), ((3, 2), (1, 2)), ((2, 3), (3, 1))] {
        let x = uniform(Key::from_seed(4), &[2, 2, 5, 7], DType::F64).unwrap();
        check_gradients(&[x], |x| avg_pool2d(&x[0], kernel, stride)).unwrap();
    }
}

proptest! {
    #[test]
    fn the_composed_twin_agrees(
        height in 1usize..9, width in 1usize..9, kernel in (1usize..4, 1usize..4),
        stride in (1usize..4, 1usize..4), seed: u64,
    ) {
        prop_assume!(kernel.0 <= height && kernel.1 <= width);
        let key = Key::from_seed(seed);
        let x = uniform(key, &[2, 2, width, height], DType::F32).unwrap().transpose(2, 3).unwrap();
        let g = Pool2dGeometry::new(OP, x.dims(), kernel.into(), stride.into()).unwrap();
        let run = |f: &dyn Fn(&Tensor) -> candle_core::Result<Tensor>| {
            let x = Var::from_tensor(&x.contiguous().unwrap()).unwrap();
            let y = f(&x).unwrap();
            let weights = uniform(key.fold_in("grad"), y.dims(), DType::F32).unwrap();
            let gradients = (&y * weights).unwrap().sum_all().unwrap().backward().unwrap();
            let values = |t: &Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            (values(&y), values(gradients.get(&x).unwrap()))
        };
        let (y, dx) = run(&|x| avg_pool2d(x, kernel, stride));
        let (composed_y, composed_dx) = run(&|x| composed(x, &g));
        // Sums of up to 9 values below 1 in f32, in two orders.
        assert_close(&y, &composed_y, 1e-6);
        assert_close(&dx, &composed_dx, 1e-6);
    }
}
