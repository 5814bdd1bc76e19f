//! Whether a file's tensors are a model's, and everything in which they are not.

use std::collections::BTreeSet;

use candle_core::{DType, Device, Tensor};
use lenet_tensor::Key;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use super::is_counter;
use crate::models::ModelKind;
use crate::params::{Entry, Parameters};

/// What a file gives a model.
pub(super) struct Fit {
    /// A tensor for each entry, in its dtype and on its device.
    pub(super) tensors: Vec<Tensor>,
    /// The dtypes that were converted to f32.
    pub(super) converted: BTreeSet<&'static str>,
}

/// A tensor for each entry, or everything that is wrong.
pub(super) fn fit(file: &SafeTensors<'_>, entries: &[Entry]) -> Result<Fit, Vec<String>> {
    let mut problems = Vec::new();
    let mut fit = Fit {
        tensors: Vec::with_capacity(entries.len()),
        converted: BTreeSet::new(),
    };
    for entry in entries {
        let name = &entry.name;
        match file.tensor(name) {
            Err(_) => problems.push(format!("`{name}` is missing")),
            Ok(view) => match tensor(entry, &view) {
                Ok(tensor) => {
                    fit.tensors.push(tensor);
                    fit.converted.extend(converted(&view));
                }
                Err(problem) => problems.push(format!("`{name}` {problem}")),
            },
        }
    }
    let mut extra: Vec<&str> = file
        .names()
        .into_iter()
        .filter(|name| !entries.iter().any(|entry| entry.name == *name))
        .collect();
    extra.sort_unstable();
    problems.extend(
        extra
            .iter()
            .map(|name| format!("`{name}` is not of this model")),
    );
    if problems.is_empty() {
        return Ok(fit);
    }
    problems.extend(hint(file, entries));
    Err(problems)
}

/// The tensor as the entry takes it, or what is wrong with it.
fn tensor(entry: &Entry, view: &TensorView<'_>) -> Result<Tensor, String> {
    if view.shape() != entry.var.dims() {
        return Err(format!(
            "is {:?}, expected {:?}",
            view.shape(),
            entry.var.dims()
        ));
    }
    let dtype = match view.dtype() {
        Dtype::F32 => DType::F32,
        Dtype::F16 => DType::F16,
        Dtype::BF16 => DType::BF16,
        Dtype::F64 => DType::F64,
        // PyTorch counts BatchNorm's batches in an integer.
        Dtype::I64 if is_counter(entry) => DType::I64,
        other => return Err(format!("holds {other:?}, expected F32, F16, BF16 or F64")),
    };
    let read = || {
        let tensor = Tensor::from_raw_buffer(view.data(), dtype, view.shape(), &Device::Cpu)?;
        let values = tensor.to_dtype(DType::F32)?;
        let flat = values.flatten_all()?.to_vec1::<f32>()?;
        let bad = flat.iter().position(|v| !v.is_finite());
        let bad = bad.map(|at| format!("holds {} at position {at}", flat[at]));
        let tensor = values
            .to_dtype(entry.var.dtype())?
            .to_device(entry.var.device())?;
        Ok::<_, candle_core::Error>((tensor, bad))
    };
    match read() {
        Ok((tensor, None)) => Ok(tensor),
        Ok((_, Some(bad))) if dtype == DType::F64 => Err(format!("{bad}, as f32")),
        Ok((_, Some(bad))) => Err(bad),
        Err(error) => Err(format!("cannot be read: {error}")),
    }
}

fn converted(view: &TensorView<'_>) -> Option<&'static str> {
    match view.dtype() {
        Dtype::F16 => Some("f16"),
        Dtype::BF16 => Some("bf16"),
        Dtype::F64 => Some("f64"),
        _ => None,
    }
}

/// What would make the file fit.
fn hint(file: &SafeTensors<'_>, entries: &[Entry]) -> Option<String> {
    let shape = |name: &str| file.tensor(name).ok().map(|view| view.shape().to_vec());
    let fits = |prefix: &str, entries: &[Entry]| {
        file.len() == entries.len()
            && entries.iter().all(|entry| {
                shape(&format!("{prefix}{}", entry.name)).as_deref() == Some(entry.var.dims())
            })
    };
    // What DataParallel and torch.compile put before each name.
    for prefix in ["module.", "_orig_mod."] {
        if fits(prefix, entries) {
            return Some(format!(
                "without `{prefix}` before each name it would fit: save the module inside \
                 ({})",
                if prefix == "module." {
                    "model.module"
                } else {
                    "model._orig_mod"
                }
            ));
        }
    }
    ModelKind::ALL.into_iter().find_map(|kind| {
        let parameters = Parameters::new(Key::from_seed(0), &Device::Cpu);
        kind.build(Default::default(), &parameters).ok()?;
        fits("", &parameters.entries()).then(|| format!("it fits model {kind}"))
    })
}
