//! The network from candle-nn's layers and candle's own operations, as its examples
//! write it.

use candle_core::{Device, Tensor};
use candle_nn::{Conv2d, Linear, Module, Optimizer, ParamsAdamW, VarBuilder, VarMap};

use crate::{Failure, Step};

struct Lenet5 {
    conv1: Conv2d,
    conv2: Conv2d,
    fc1: Linear,
    fc2: Linear,
    fc3: Linear,
}

impl Lenet5 {
    fn new(vars: &VarMap) -> candle_core::Result<Self> {
        let vb = VarBuilder::from_varmap(vars, candle_core::DType::F32, &Device::Cpu);
        Ok(Self {
            conv1: candle_nn::conv2d(1, 6, 5, Default::default(), vb.pp("conv1"))?,
            conv2: candle_nn::conv2d(6, 16, 5, Default::default(), vb.pp("conv2"))?,
            fc1: candle_nn::linear(256, 120, vb.pp("fc1"))?,
            fc2: candle_nn::linear(120, 84, vb.pp("fc2"))?,
            fc3: candle_nn::linear(84, 10, vb.pp("fc3"))?,
        })
    }
}

impl Module for Lenet5 {
    #[expect(clippy::disallowed_methods, reason = "candle's, to compare with")]
    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let x = self.conv1.forward(x)?.relu()?.max_pool2d(2)?;
        let x = self.conv2.forward(&x)?.relu()?.max_pool2d(2)?;
        let x = self.fc1.forward(&x.flatten_from(1)?)?.relu()?;
        let x = self.fc2.forward(&x)?.relu()?;
        self.fc3.forward(&x)
    }
}

pub(crate) fn trainer(batches: Vec<(Tensor, Tensor)>) -> Result<Step, Failure> {
    let vars = VarMap::new();
    let model = Lenet5::new(&vars)?;
    let adam = ParamsAdamW {
        weight_decay: 0.0,
        ..Default::default()
    };
    let mut adam = candle_nn::AdamW::new(vars.all_vars(), adam)?;
    let mut at = 0;
    Ok(Box::new(move || {
        let (images, labels) = &batches[at % batches.len()];
        at += 1;
        let loss = candle_nn::loss::cross_entropy(&model.forward(images)?, labels)?;
        adam.backward_step(&loss)?;
        Ok(())
    }))
}

pub(crate) fn predictor(batches: Vec<(Tensor, Tensor)>) -> Result<Step, Failure> {
    let vars = VarMap::new();
    let model = Lenet5::new(&vars)?;
    let mut at = 0;
    Ok(Box::new(move || {
        let (images, _) = &batches[at % batches.len()];
        at += 1;
        model.forward(images)?.argmax(1)?.to_vec1::<u32>()?;
        Ok(())
    }))
}
