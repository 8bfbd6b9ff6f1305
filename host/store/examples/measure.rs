//! Measures the store against raw loops of the same work, in turns in one run, and prints ratios.
//!
//! `cargo run --release -p switchyard-store --example measure`

use std::error::Error;
use std::fs::File;
use std::io::Write;
use std::time::{Duration, Instant};

use switchyard_store::journal::{Journal, Options, Record, Summary};
use switchyard_store::logs::{Logs, Source};
use switchyard_store::masking::Masker;
use switchyard_store::workdir::WorkDir;

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

const ROUNDS: usize = 5;

fn main() -> Result {
    let directory = std::env::args().nth(1).map_or_else(std::env::temp_dir, Into::into);
    let directory = directory.join(format!("switchyard-measure-{}", std::process::id()));
    std::fs::create_dir_all(&directory)?;
    let measured = measure(&directory);
    std::fs::remove_dir_all(&directory)?;
    measured
}

fn measure(directory: &std::path::Path) -> Result {
    let mut round = 0;
    let mut place = || {
        round += 1;
        directory.join(round.to_string())
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;

    let opening = median(|| {
        let path = place();
        timed(|| open(&path))
    })?;
    println!("journal: create, open and close        {opening:?}");
    let path = place();
    drop(Journal::open(&path, Options::default())?);
    let opening = median(|| timed(|| open(&path)))?;
    println!("journal: open an existing one and close {opening:?}");
    let opening = median(|| {
        let mut journal = Journal::off();
        let started = timed(|| {
            journal = Journal::start(&path, Options::default());
            Ok(())
        });
        journal.close()?;
        started
    })?;
    println!("journal: start behind the caller's back {opening:?}");

    let count = 300_000;
    let grouped = median(|| {
        let journal = Journal::open(&place(), Options::default())?;
        timed(|| {
            for seq in 0..count {
                journal.append_detached(record(seq));
            }
            journal.flush().wait()?;
            Ok(())
        })
    })?;
    let raw = median(|| {
        let mut file = File::create(place())?;
        timed(|| {
            for seq in 0..count {
                let record = record(seq);
                file.write_all(&record.payload)?;
            }
            Ok(())
        })
    })?;
    println!("journal: {:.0} records/s detached, {:.1} x the time of raw writes", rate(count, grouped), ratio(grouped, raw));

    let (tasks, each) = (1_000, 50);
    let awaited = median(|| {
        let journal = Journal::open(&place(), Options::default())?;
        timed(|| runtime.block_on(appending(&journal, tasks, each)))
    })?;
    println!("journal: {:.0} awaited appends/s from {tasks} tasks", rate(tasks * each, awaited));

    let executions = 10_000;
    let summarized = median(|| {
        let journal = Journal::open(&place(), Options::default())?;
        timed(|| runtime.block_on(executing(&journal, executions)))
    })?;
    println!("journal: {:.0} executions/s of 8 awaited records, 2 summaries and a document", rate(executions, summarized));

    let line = [b"x".repeat(99), vec![b'\n']].concat();
    let chunk = line.repeat(655);
    let chunks = (1 << 30) / chunk.len();
    let mut ratios = Vec::new();
    let mut reading = Duration::ZERO;
    for _ in 0..ROUNDS {
        let path = place();
        let mut file = File::create(&path)?;
        let raw = timed(|| {
            for _ in 0..chunks {
                file.write_all(&chunk)?;
            }
            Ok(())
        })?;
        std::fs::remove_file(&path)?;
        let path = place();
        let log = Logs::new(&path).execution("e")?;
        let writer = log.attempt("a/0");
        let ours = timed(|| {
            for time in 0..chunks {
                writer.append(Source::Stdout, time as i64, &chunk)?;
            }
            Ok(())
        })?;
        ratios.push(ratio(ours, raw));
        reading = timed(|| {
            let mut lines = log.lines(1_000)?;
            let mut count = 0;
            while lines.next_line()?.is_some() {
                count += 1;
            }
            assert_eq!(count, chunks * 655);
            Ok(())
        })?;
        std::fs::remove_dir_all(&path)?;
    }
    ratios.sort_by(f64::total_cmp);
    println!("logs: 1 GiB of 100-byte lines in pieces of 64 KiB, {:.2} x the time of raw writes (rounds {ratios:.2?})", ratios[ROUNDS / 2]);
    println!("logs: {:.0} lines/s read back", rate(chunks * 655, reading));

    let attempts = 10_000;
    let small = median(|| {
        let log = Logs::new(place()).execution("e")?;
        timed(|| {
            for number in 0..attempts {
                let writer = log.attempt(format!("{number}/0"));
                writer.append(Source::Stdout, 1, b"one line\n")?;
                writer.finish(2)?;
            }
            Ok(())
        })
    })?;
    println!("logs: {:?} for an attempt of one line", small / attempts as u32);
    let small = median(|| {
        let logs = Logs::new(place());
        timed(|| {
            for number in 0..attempts {
                let writer = logs.execution(&format!("execution-{number}"))?.attempt("a/0");
                writer.append(Source::Stdout, 1, b"one line\n")?;
            }
            Ok(())
        })
    })?;
    println!("logs: {:?} for an execution of one line", small / attempts as u32);

    let root = place();
    std::fs::create_dir(&root)?;
    let empty = median(|| {
        timed(|| {
            for number in 0..attempts {
                WorkDir::create(&root, &number.to_string())?.remove()?;
            }
            Ok(())
        })
    })?;
    println!("workdir: {:?} to make and remove an empty one", empty / attempts as u32);

    let masker = Masker::new((0..20).map(|number| format!("a-secret-value-{number}")))?;
    let masking = median(|| {
        let mut stream = masker.stream();
        timed(|| {
            for _ in 0..4_096 {
                std::hint::black_box(stream.push(&chunk));
            }
            Ok(())
        })
    })?;
    println!(
        "masking: {:.1} GiB/s of text without any of 20 secrets",
        4_096.0 * chunk.len() as f64 / masking.as_secs_f64() / (1u64 << 30) as f64
    );
    Ok(())
}

fn open(path: &std::path::Path) -> Result {
    drop(Journal::open(path, Options::default())?);
    Ok(())
}

async fn appending(journal: &Journal, tasks: usize, each: usize) -> Result {
    let tasks: Vec<_> = (0..tasks)
        .map(|task| {
            let journal = journal.clone();
            tokio::spawn(async move {
                for seq in 0..each {
                    let record = Record { execution_id: format!("execution-{task}"), ..record(seq) };
                    journal.append(record).await?;
                }
                Ok::<(), switchyard_store::journal::Error>(())
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    Ok(())
}

async fn executing(journal: &Journal, executions: usize) -> Result {
    let running: Vec<_> = (0..executions)
        .map(|number| {
            let journal = journal.clone();
            tokio::spawn(async move {
                let summary = |state: &str, document| Summary {
                    id: format!("execution-{number}"),
                    namespace: "company.team".into(),
                    flow_id: "hello".into(),
                    state: state.into(),
                    finished: state == "SUCCESS",
                    created: 1,
                    updated: 2,
                    document,
                };
                journal.summarize(summary("RUNNING", None)).await?;
                for seq in 0..8 {
                    let record = Record { execution_id: format!("execution-{number}"), ..record(seq) };
                    journal.append(record).await?;
                }
                let document = Some(vec![b'x'; 2_000]);
                journal.summarize(summary("SUCCESS", document)).await
            })
        })
        .collect();
    for execution in running {
        execution.await??;
    }
    Ok(())
}

fn record(seq: usize) -> Record {
    Record { execution_id: "execution".into(), seq: seq as u32, kind: "task-run".into(), payload: vec![b'x'; 200] }
}

fn timed(work: impl FnOnce() -> Result) -> Result<Duration> {
    let started = Instant::now();
    work()?;
    Ok(started.elapsed())
}

fn median(mut round: impl FnMut() -> Result<Duration>) -> Result<Duration> {
    let mut rounds = (0..ROUNDS).map(|_| round()).collect::<Result<Vec<_>>>()?;
    rounds.sort();
    Ok(rounds[ROUNDS / 2])
}

fn rate(count: usize, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64()
}

fn ratio(ours: Duration, theirs: Duration) -> f64 {
    ours.as_secs_f64() / theirs.as_secs_f64()
}
