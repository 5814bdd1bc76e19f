//! `lenet inspect`: what the images of a data set look like, and which of them a
//! network reads wrong.

use lenet_data::{Dataset, Loader, Split};
use lenet_train::{Error, Mistake, TrainConfig, mistakes};
use serde::Serialize;

use crate::args::InspectArgs;
use crate::printer::Printer;
use crate::trained::Trained;
use crate::{data, sketch};

/// Images that the network takes at once.
const AT_ONCE: usize = 1000;

#[derive(Serialize)]
struct Report {
    dataset: String,
    split: String,
    samples: usize,
    /// How many images of each class, 0 to 9.
    per_class: [usize; 10],
    /// The network, where its mistakes were asked for, and how many images of those asked
    /// for it reads wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wrong: Option<usize>,
    images: Vec<Shown>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Shown {
    Image { index: usize, label: u8 },
    Mistake(Mistake),
}

impl Shown {
    fn index(&self) -> usize {
        match self {
            Self::Image { index, .. } => *index,
            Self::Mistake(mistake) => mistake.index,
        }
    }

    /// The lines below its picture.
    fn caption(&self, classes: [&str; 10]) -> Vec<String> {
        match self {
            Self::Image { index, label } => {
                vec![format!("{index}: label {}", classes[usize::from(*label)])]
            }
            Self::Mistake(mistake) => vec![
                format!("{}:", mistake.index),
                format!(
                    "label {}, said {}, {:.1} %",
                    classes[mistake.label],
                    classes[mistake.prediction],
                    100.0 * mistake.probability
                ),
            ],
        }
    }
}

pub(crate) fn run(args: &InspectArgs, printer: &Printer) -> anyhow::Result<()> {
    let name = match (&args.split, args.augment) {
        (Some(name), _) => name,
        (None, Some(_)) => "train",
        (None, None) => "test",
    };
    let trained = args
        .mistakes
        .then(|| Trained::load(&args.trained, printer))
        .transpose()?;
    let data = data::load(&args.data.request(), printer)?;
    let split = data::split(&data, name);
    let mut per_class = [0; 10];
    for &label in split.labels() {
        per_class[usize::from(label)] += 1;
    }
    let mut wrong = None;
    let images = match &trained {
        Some(trained) => {
            trained.warn_of_data(&data, printer);
            let mut found = all_mistakes(trained, &data, split)?;
            found.retain(|m| args.digit.is_none_or(|digit| m.label == usize::from(digit)));
            wrong = Some(found.len());
            let worst = found.into_iter().take(args.count);
            worst.map(Shown::Mistake).collect()
        }
        None => chosen(args, &data, name)?,
    };
    let report = Report {
        dataset: data.name.to_string(),
        split: name.to_owned(),
        samples: split.len(),
        per_class,
        model: trained.map(|trained| trained.kind.to_string()),
        wrong,
        images,
    };
    if args.json {
        return printer.json(&report);
    }
    print(&report, &data, &drawn(args, split, &report.images), printer)
}

/// The images that were asked for.
fn chosen(args: &InspectArgs, data: &Dataset, name: &str) -> anyhow::Result<Vec<Shown>> {
    let split = data::split(data, name);
    let shown = |index| Shown::Image {
        index,
        label: split.label(index),
    };
    if args.index.is_empty() {
        let wanted = |&index: &usize| args.digit.is_none_or(|digit| split.label(index) == digit);
        let found = (0..split.len()).filter(wanted).take(args.count);
        return Ok(found.map(shown).collect());
    }
    let indices = args.index.iter();
    indices
        .map(|&index| data::checked(data, name, index).map(shown))
        .collect()
}

fn all_mistakes(trained: &Trained, data: &Dataset, split: &Split) -> anyhow::Result<Vec<Mistake>> {
    let transform = trained.transform(data.normalize());
    let loader = Loader::new(split, transform, AT_ONCE)?.device(&trained.device);
    let found = mistakes(&*trained.model, trained.kind.loss(), &loader, usize::MAX)?;
    if found.iter().any(|mistake| !mistake.loss.is_finite()) {
        return Err(Error::NotFinite("the loss of a sample").into());
    }
    Ok(found)
}

/// The images, as training draws them where that was asked for.
fn drawn(args: &InspectArgs, split: &Split, images: &[Shown]) -> Vec<Vec<u8>> {
    let config = TrainConfig {
        augment: args.augment,
        seed: args.seed.unwrap_or_default(),
        ..TrainConfig::default()
    };
    let augmenter = config.augmenter();
    // A loader counts epochs from 0.
    let number = args.epoch.unwrap_or(1) - 1;
    let epoch = augmenter.as_ref().map(|augmenter| augmenter.epoch(number));
    let images = images.iter().map(|shown| {
        let image = split.image(shown.index());
        match &epoch {
            Some(epoch) => epoch.apply(image, shown.index()).to_vec(),
            None => image.to_vec(),
        }
    });
    images.collect()
}

fn print(
    report: &Report,
    data: &Dataset,
    images: &[Vec<u8>],
    printer: &Printer,
) -> anyhow::Result<()> {
    let classes = data.name.classes();
    let counts: Vec<String> = (report.per_class.iter().zip(classes))
        .map(|(count, class)| format!("{count} of {class}"))
        .collect();
    let (first, second) = counts.split_at(counts.len() / 2);
    printer.result(&format!(
        "{} {}: {} images: {},\n{}\n",
        report.dataset,
        report.split,
        report.samples,
        first.join(", "),
        second.join(", ")
    ))?;
    if let (Some(model), Some(wrong)) = (&report.model, report.wrong) {
        let shown = report.images.len();
        printer.result(&format!("{model} reads {wrong} wrong, {shown} shown:\n"))?;
    }
    let cells: Vec<(&[u8], Vec<String>)> = (images.iter().zip(&report.images))
        .map(|(image, shown)| (&image[..], shown.caption(classes)))
        .collect();
    if cells.is_empty() {
        return Ok(());
    }
    printer.result(&sketch::sheet(&cells, printer.columns()))
}
