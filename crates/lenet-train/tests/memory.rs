//! Evaluation keeps nothing: its memory does not grow with the number of images.

#[cfg(target_os = "linux")]
#[test]
fn memory_stays_flat_over_ten_thousand_images() {
    use candle_core::Device;
    use lenet_data::{Loader, Split, Transform};
    use lenet_nn::{ModelKind, Parameters};
    use lenet_tensor::Key;
    use lenet_train::evaluate;

    /// The most memory that this process has held at once, in KiB.
    fn peak() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status
            .lines()
            .find(|line| line.starts_with("VmHWM:"))
            .unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    let parameters = Parameters::new(Key::from_seed(1), &Device::Cpu);
    let model = ModelKind::Lenet5
        .build(Default::default(), &parameters)
        .unwrap();
    let split = |n: usize| {
        let pixels = (0..n * 784).map(|i| (i % 251) as u8).collect();
        Split::new(pixels, (0..n).map(|i| (i % 10) as u8).collect()).unwrap()
    };
    let (few, many) = (split(1000), split(10_000));
    let run = |split: &Split| {
        let loader = Loader::new(split, Transform::default(), 500).unwrap();
        evaluate(&*model, ModelKind::Lenet5.loss(), &loader).unwrap()
    };
    run(&few);
    let before = peak();
    assert_eq!(run(&many).tally.samples, 10_000);
    let grown = peak() - before;
    // A graph kept for 10,000 images would hold about 580 MiB; a batch of 500 takes
    // 15 MiB, which the allocator may hold twice.
    assert!(grown < 40 * 1024, "{grown} KiB more");
}
