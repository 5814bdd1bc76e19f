//! `lenet train`: the main job.

mod resume;
pub(crate) mod run;
mod summary;

use std::fs;

use lenet_nn::Parameters;
use lenet_nn::weights;
use lenet_train::checkpoint::Checkpoints;
use lenet_train::{Ended, Error, Event, Keep, Observer};

use self::resume::Resumed;
pub(crate) use self::run::{Going, Run, prepare};
pub(crate) use self::summary::Summary;
use crate::args::TrainArgs;
use crate::dashboard::{Dashboard, Live};
use crate::exit::{BelowTarget, Interrupted, Usage, quoted};
use crate::printer::Printer;
use crate::progress::RunProgress;
use crate::rundir::RunDir;
use crate::signals::Signals;
use crate::tensorboard::EventFile;

pub(crate) fn run(args: Box<TrainArgs>, printer: &Printer) -> anyhow::Result<()> {
    let signals = Signals::watch()?;
    let resumed = args
        .resume
        .as_ref()
        .map(|run| Resumed::find(run.as_deref(), printer));
    let mut resumed = resumed.transpose()?;
    let resolved = match &resumed {
        None => args.given.resolve()?,
        Some(resumed) => {
            let mut below = resumed.settings()?;
            if args.weights_only {
                // What that run began with is not what this one begins with.
                below.init_from = None;
            }
            args.given.settings.clone().resolve(below)?
        }
    };
    let (device, data) = prepare(&resolved, printer)?;
    let mut run = Run::new(&resolved, &data, &device)?;
    run.warn_of_warmup(printer)?;
    if resumed.is_none() {
        run.init(printer)?;
    }
    let given = resumed.take_if(|_| args.weights_only);
    if let Some(from) = &given {
        from.give_weights(&run.parameters)?;
    }
    if let Some(resumed) = &resumed {
        resumed.check(&run.origin()?.identity)?;
        resumed.check_length(resolved.train.epochs, resolved.train.max_steps)?;
    }
    printer.note(&format!(
        "training {} ({} parameters) on {} samples of {} ({})",
        resolved.train.model,
        run.parameters.count(),
        run.train().len(),
        data.name,
        data.origin
    ));
    if args.dry_run {
        return run.dry(&args, printer);
    }
    if let (Some(resumed), Some(_)) = (&resumed, &args.out_dir) {
        return Err(Usage(format!(
            "--out-dir does not go with --resume: the run goes on in {}",
            resumed.path().display()
        ))
        .into());
    }
    let mut folder = match &resumed {
        Some(resumed) => RunDir::take_up(resumed.path(), &run.settings(), resumed.epochs())?,
        None => RunDir::create(
            args.out_dir.as_deref(),
            resolved.train.model,
            &run.settings(),
        )?,
    };
    if given.is_some() {
        // That run's checkpoint may change; with a copy, config.toml repeats this one.
        run.beginning = Some(folder.beginning());
        let weights = weights::to_bytes(&run.parameters, &run.metadata(None))?;
        folder.begin_with(weights, &run.settings())?;
    }
    let origin = run.origin()?;
    let best = folder.best();
    let keep_best = |parameters: &Parameters| {
        best.parent()
            .map_or(Ok(()), fs::create_dir_all)
            .map_err(|error| Error::Checkpoint {
                path: best.clone(),
                reason: error.to_string(),
            })?;
        Ok(weights::save(&best, parameters, &run.metadata(None))?)
    };
    let taken_up = resumed.as_ref().map(Resumed::step);
    let mut events = resolved.tensorboard.then(|| {
        let ended = |resumed: &Resumed| resumed.epochs().last().map_or(0, |epoch| epoch.step);
        EventFile::new(folder.path(), resumed.as_ref().map(ended))
    });
    let (from, checkpoints) = match resumed {
        Some(resumed) => {
            let (checkpoint, checkpoints) = resumed.into_parts();
            (Some(checkpoint), checkpoints)
        }
        None => (None, Checkpoints::new(&folder.last())),
    };
    let going = Going {
        max_steps: resolved.train.max_steps,
        keep: Some(Keep {
            checkpoints: &checkpoints,
            every: resolved.checkpoint_interval,
            origin: &origin,
            best: Some(&keep_best),
        }),
        from,
        stop: &|| signals.received().is_some(),
    };
    let live = || {
        let title = format!("{} on {}", resolved.train.model, data.name);
        Live::new(title, folder.path().display().to_string(), folder.before())
    };
    let dashboard = args
        .dashboard
        .map(|port| Dashboard::start(port, live(), printer));
    let mut dashboard = dashboard.transpose()?;
    let mut progress = RunProgress::new(printer, args.log_interval);
    let fit = run.fit(going, &mut |event: &Event<'_>| {
        progress.on(event);
        folder.on(event);
        events.iter_mut().for_each(|events| events.on(event));
        dashboard.iter_mut().for_each(|page| page.on(event));
    });
    progress.clear();
    if let (Err(error), Some(step)) = (&fit, folder.saved().or(taken_up)) {
        let run = quoted(folder.path());
        // What diverged once does so again; a full disk may be none tomorrow.
        let how = match error.downcast_ref() {
            Some(Error::Diverged { .. }) => {
                format!("to try again from its weights: lenet train --resume {run} --weights-only")
            }
            _ => format!("to go on: lenet train --resume {run}"),
        };
        printer.warn(&format!("the checkpoint of step {step} stays; {how}"));
    }
    let fit = fit?;
    if let (Ended::Stopped, Some(signal)) = (fit.ended, signals.received()) {
        folder.written()?;
        events.as_mut().map_or(Ok(()), EventFile::written)?;
        return Err(Interrupted {
            signal,
            run: Some(folder.path().to_owned()),
        }
        .into());
    }
    let (tested, mistakes) = run.test_with_mistakes()?;
    weights::save(
        &folder.weights(),
        &run.parameters,
        &run.metadata(Some(&tested)),
    )?;
    let summary = run.summary(&fit, &tested, Some(folder.path()))?;
    // A run is what it is, with or without a page about it.
    match run.report(folder.path(), &fit, &summary, (&tested, &mistakes)) {
        Ok(path) => printer.note(&format!("report {}", path.display())),
        Err(error) => printer.warn(&format!("no report: {error:#}")),
    }
    folder.finish(&summary)?;
    events.as_mut().map_or(Ok(()), EventFile::written)?;
    dashboard.iter().for_each(|page| page.end(&summary));
    drop(dashboard);
    summary.print(args.json, printer)?;
    match args.target_accuracy {
        Some(target) if summary.test_accuracy < target => Err(BelowTarget {
            reached: summary.test_accuracy,
            target,
        }
        .into()),
        _ => Ok(()),
    }
}
