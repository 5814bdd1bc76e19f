//! `lenet eval`: trained weights on a data set's test split.

use lenet_data::Loader;
use lenet_train::{ClassReport, evaluate};
use serde::Serialize;

use crate::args::EvalArgs;
use crate::data;
use crate::exit::Usage;
use crate::printer::Printer;
use crate::trained::Trained;

#[derive(Serialize)]
struct Report {
    dataset: String,
    model: String,
    samples: u64,
    loss: f64,
    accuracy: f64,
    correct: u64,
    per_class: Vec<ClassReport>,
    confusion: Vec<Vec<u64>>,
}

pub(crate) fn run(args: &EvalArgs, printer: &Printer) -> anyhow::Result<()> {
    if args.test_batch_size == 0 {
        return Err(Usage("--test-batch-size is 0: expected at least 1".to_owned()).into());
    }
    let trained = Trained::load(&args.trained, printer)?;
    let data = data::load(&args.data.request(), printer)?;
    trained.warn_of_data(&data, printer);
    let transform = trained.transform(data.normalize());
    let test = Loader::new(&data.test, transform, args.test_batch_size)?.device(&trained.device);
    let evaluation = evaluate(&*trained.model, trained.kind.loss(), &test)?;
    let report = Report {
        dataset: data.name.to_string(),
        model: trained.kind.to_string(),
        samples: evaluation.tally.samples,
        loss: evaluation.tally.loss(),
        accuracy: evaluation.tally.accuracy(),
        correct: evaluation.tally.correct,
        per_class: evaluation.per_class(),
        confusion: evaluation.confusion,
    };
    if args.json {
        return printer.json(&report);
    }
    print(&report, printer)
}

fn print(report: &Report, printer: &Printer) -> anyhow::Result<()> {
    printer.result(&format!(
        "{} on {}: {:.2} % ({} of {} right), loss {:.4}",
        report.model,
        report.dataset,
        100.0 * report.accuracy,
        report.correct,
        report.samples,
        report.loss
    ))?;
    let percent =
        |share: Option<f64>| share.map_or("-".to_owned(), |s| format!("{:.2} %", 100.0 * s));
    printer.result("\nclass  precision    recall   samples")?;
    for class in &report.per_class {
        printer.result(&format!(
            "{:>5}  {:>9} {:>9} {:>9}",
            class.class,
            percent(class.precision),
            percent(class.recall),
            class.samples
        ))?;
    }
    printer.result("\nlabel (rows) against prediction (columns)")?;
    let columns: String = (0..report.confusion.len())
        .map(|class| format!("{class:>6}"))
        .collect();
    printer.result(&format!("     {columns}"))?;
    for (label, row) in report.confusion.iter().enumerate() {
        let counts: String = row.iter().map(|count| format!("{count:>6}")).collect();
        printer.result(&format!("{label:>5}{counts}"))?;
    }
    Ok(())
}
