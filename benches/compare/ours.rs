//! Our side: the library as its users call it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use candle_core::{Device, Tensor};
use lenet_data::{Dataset, Loader, Request, Transform};
use lenet_nn::loss::Loss;
use lenet_nn::models::{Flavour, ModelKind};
use lenet_nn::{Model, Parameters};
use lenet_tensor::adam::Hyper;
use lenet_tensor::{Key, no_grad};
use lenet_train::optim::{Adam, Optimizer};

use crate::Failure;
use crate::race::{Local, Step};

/// Digits of a race; each contender gets the same ones in the same batches.
const SAMPLES: usize = 8192;

/// The data, and the first of them as every contender takes them.
pub(crate) struct Data {
    pub(crate) dataset: Dataset,
    pub(crate) dir: Option<PathBuf>,
    /// f32 `[SAMPLES, 784]`.
    pub(crate) images: Vec<f32>,
    pub(crate) labels: Vec<u8>,
    /// The batches that were asked for so far, by size.
    batches: Mutex<HashMap<usize, Batches>>,
}

/// Images `[batch, 1, 28, 28]` with their labels `[batch]`.
type Batches = Vec<(Tensor, Tensor)>;

impl Data {
    pub(crate) fn load(dir: Option<&Path>) -> Result<Self, Failure> {
        let request = Request {
            data_dir: dir.map(Path::to_path_buf),
            ..Request::default()
        };
        let dataset = lenet_data::load(&request, &mut ())?;
        let normalize = Some(dataset.normalize());
        let transform = Transform {
            normalize,
            padding: 0,
        };
        let n = SAMPLES.min(dataset.train.len());
        Ok(Self {
            images: transform.apply(&dataset.train.images()[..n * 784])?,
            labels: dataset.train.labels()[..n].to_vec(),
            dir: dir.map(Path::to_path_buf),
            dataset,
            batches: Mutex::default(),
        })
    }

    /// Whole batches.
    pub(crate) fn batches(&self, batch: usize) -> Result<Batches, Failure> {
        let mut made = self.batches.lock().map_err(|_| "a contender panicked")?;
        if let Some(batches) = made.get(&batch) {
            return Ok(batches.clone());
        }
        let images = self.images.chunks_exact(batch * 784);
        let labels = self.labels.chunks_exact(batch);
        let tensors = images.zip(labels).map(|(images, labels)| {
            let labels: Vec<u32> = labels.iter().map(|&label| label.into()).collect();
            Ok((
                Tensor::from_slice(images, (batch, 1, 28, 28), &Device::Cpu)?,
                Tensor::from_vec(labels, batch, &Device::Cpu)?,
            ))
        });
        let batches = tensors.collect::<candle_core::Result<Batches>>()?;
        made.insert(batch, batches.clone());
        Ok(batches)
    }
}

fn build(kind: ModelKind) -> Result<(Box<dyn Model>, Parameters), Failure> {
    let parameters = Parameters::new(Key::from_seed(1), &Device::Cpu);
    let model = kind.build(Flavour::default(), &parameters)?;
    Ok((model, parameters))
}

/// A step of training: forward, loss, backward, Adam, gradients checked.
pub(crate) fn trainer(data: &Data, kind: ModelKind, batch: usize) -> Result<Step, Failure> {
    let (model, parameters) = build(kind)?;
    let mut adam = Adam::new(parameters.trainable(), Hyper::default())?;
    let batches = data.batches(batch)?;
    let mut at = 0;
    Ok(Box::new(move || {
        let (images, labels) = &batches[at % batches.len()];
        at += 1;
        let loss = Loss::CrossEntropy.of(&model.forward_t(images, true)?, labels)?;
        adam.step(&loss.backward()?)?;
        Ok(())
    }))
}

/// A step of prediction, to the digits.
pub(crate) fn predictor(data: &Data, batch: usize) -> Result<Step, Failure> {
    let (model, _parameters) = build(ModelKind::Lenet5)?;
    let batches = data.batches(batch)?;
    let mut at = 0;
    Ok(Box::new(move || {
        let (images, _) = &batches[at % batches.len()];
        at += 1;
        let logits = no_grad(|| model.forward_t(images, false))?;
        logits.argmax(1)?.to_vec1::<u32>()?;
        Ok(())
    }))
}

/// What `lenet eval` does: bytes to batches, loss, hits and confusion.
pub(crate) fn evaluator(data: &Data, batch: usize) -> Result<Step, Failure> {
    let (model, _parameters) = build(ModelKind::Lenet5)?;
    let test = data.dataset.test.clone();
    let transform = Transform {
        normalize: Some(data.dataset.normalize()),
        padding: 0,
    };
    Ok(Box::new(move || {
        let loader = Loader::new(&test, transform, batch)?;
        lenet_train::evaluate(&*model, Loss::CrossEntropy, &loader)?;
        Ok(())
    }))
}

pub(crate) fn local(name: &str, samples: usize, step: Step) -> Local {
    Local {
        name: name.to_owned(),
        samples,
        step,
        pool: None,
    }
}
