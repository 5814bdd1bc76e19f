//! Evaluation keeps no graph: not even outputs that are kept hold one.
#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on stops where it is"
)]

use std::cell::RefCell;

use candle_core::{Device, Result, Tensor};
use candle_nn::ModuleT;
use lenet_data::{Loader, Split, Transform};
use lenet_nn::{ModelKind, Parameters};
use lenet_tensor::Key;
use lenet_train::evaluate;

/// Keeps every output: each would keep its batch's graph alive, if it had one.
struct Keeps<'a> {
    model: &'a dyn ModuleT,
    outputs: RefCell<Vec<Tensor>>,
}

impl ModuleT for Keeps<'_> {
    fn forward_t(&self, x: &Tensor, train: bool) -> Result<Tensor> {
        let output = self.model.forward_t(x, train)?;
        self.outputs.borrow_mut().push(output.clone());
        Ok(output)
    }
}

/// The most memory that this process has held at once, in MiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kib: u64 = line
        .unwrap()
        .split_whitespace()
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    kib >> 10
}

#[test]
fn memory_stays_flat_over_ten_thousand_images() {
    let parameters = Parameters::new(Key::from_seed(1), &Device::Cpu);
    let model = ModelKind::Lenet5
        .build(Default::default(), &parameters)
        .unwrap();
    let model = Keeps {
        model: &*model,
        outputs: RefCell::default(),
    };
    let pixels = (0..10_000 * 784).map(|i| (i % 251) as u8).collect();
    let many = Split::new(pixels, (0..10_000).map(|i| (i % 10) as u8).collect()).unwrap();
    let few = many.subset(&(0..1000).collect::<Vec<_>>());
    let run = |split: &Split| {
        let loader = Loader::new(split, Transform::default(), 500).unwrap();
        evaluate(&model, ModelKind::Lenet5.loss(), &loader).unwrap();
    };
    run(&few);
    let evaluated = peak();
    run(&many);
    let grown = peak() - evaluated;

    // The measure itself: the same outputs with their graphs.
    let loader = Loader::new(&many, Transform::default(), 500).unwrap();
    for batch in loader.batches(0) {
        model.forward_t(&batch.unwrap().images, false).unwrap();
    }
    let tracked = peak() - evaluated;
    assert_eq!(model.outputs.borrow().len(), 2 + 20 + 20);
    // A batch takes some 5 MiB, which the allocator may hold several times; the graphs
    // of twenty batches, with images, maps and outputs, take some 95.
    assert!(grown < 40, "{grown} MiB more");
    assert!(tracked > 70, "only {tracked} MiB for the graphs");
}
