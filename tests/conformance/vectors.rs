//! Every vector on every host that can run it.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::sync::mpsc;
use std::time::Duration;

use conformance::envoy;
use conformance::gate::{self, InProcess, Published};
use conformance::library::{Cut, Filters};
use conformance::recorder::Recorder;
use conformance::run::{Host, perform};
use conformance::vectors::{self, Moment, Vector};
use filter_wasmtime::GateOptions;

use crate::beside::Beside;
use crate::compare;
use crate::front::{Front, Pace};
use crate::http2;
use crate::report::{Came, Report};
use conformance::differences::{Row, rows};

/// The hosts, in the order of the report.
pub(crate) const HOSTS: [&str; 5] = ["library", "wasmtime", "embedded", "envoy", "workerd"];
/// How many hosts run at once: most of the time they wait.
const AT_ONCE: usize = 4;

/// One host, started for one policy, that is sent vectors in one way.
#[derive(Clone, Copy, Debug)]
struct Pass {
    host: &'static str,
    pace: Pace,
}

const fn pass(host: &'static str, pace: Pace) -> Pass {
    Pass { host, pace }
}

/// What is run under each policy. A host is started anew for each, because it remembers.
const PASSES: [Pass; 13] = [
    pass("envoy", Pace::Whole),
    pass("workerd", Pace::Whole),
    pass("envoy", Pace::Pieces),
    pass("workerd", Pace::Pieces),
    pass("envoy", Pace::Staged),
    pass("workerd", Pace::Staged),
    pass("envoy", Pace::Http2),
    pass("embedded", Pace::Whole),
    pass("embedded", Pace::Pieces),
    pass("embedded", Pace::Staged),
    pass("embedded", Pace::Http2),
    pass("wasmtime", Pace::Whole),
    pass("wasmtime", Pace::Pieces),
];

#[test]
fn every_vector_gets_one_verdict_on_every_host() {
    let rows = rows();
    let mut report = Report::new();
    library(&mut report);
    let (vectors, fixed): (Vec<_>, Vec<_>) =
        vectors::all().into_iter().partition(|vector| !vector.fixed_clock);
    assert!(!fixed.is_empty() && vectors.len() > 400, "{} and {}", vectors.len(), fixed.len());
    let mut by_policy = BTreeMap::<_, Vec<Vector>>::new();
    for vector in vectors {
        by_policy.entry(vector.policy.clone()).or_default().push(vector);
    }
    // The longest first.
    let mut jobs: Vec<_> =
        by_policy.iter().flat_map(|policy| PASSES.map(|pass| (policy, pass))).collect();
    jobs.sort_by_key(|((_, vectors), _)| vectors.len());
    let (jobs, rows) = (&Mutex::new(jobs), &rows);
    let (tell, told) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            let tell = tell.clone();
            scope.spawn(move || {
                loop {
                    let Some(((policy, vectors), pass)) = jobs.lock().expect("a lock").pop() else {
                        return;
                    };
                    let runtime = tokio::runtime::Builder::new_current_thread();
                    let runtime = { runtime }.enable_all().build().expect("a runtime");
                    let came = runtime.block_on(run(policy, vectors, pass, rows));
                    tell.send((pass.host, came)).expect("a listener");
                }
            });
        }
        drop(tell);
        for (host, came) in told {
            for came in came {
                report.note(host, came);
            }
        }
    });
    report.finish(rows);
}

/// The library, which all others are compared with, under clocks that the vectors set.
fn library(report: &mut Report) {
    let mut filters = Filters::default();
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    for vector in vectors::all() {
        let mut library = filters.under(&vector.policy, Cut::finest(vector.longest_body()));
        let sent = runtime.block_on(perform(&vector, &mut library, "2001:db8::1", "library"));
        let failed = sent.iter().find_map(|sent| sent.check(&vector).err());
        let mut came = Came::of(&vector);
        came.failed = failed;
        report.note("library", came);
    }
}

async fn run(policy: &str, vectors: &[Vector], pass: Pass, rows: &[Row]) -> Vec<Came> {
    let upstream = Recorder::judging(policy);
    let options = GateOptions {
        // One VM, because each has a memory of refusals for itself.
        vms: NonZeroUsize::MIN,
        // Other hosts keep this machine busy, and its wall clock counts.
        call_deadline: Duration::from_secs(2),
        ..gate::options(Published::with_policy(policy))
    };
    let Pass { host, pace } = pass;
    match host {
        "wasmtime" => {
            let cut = if pace == Pace::Whole { Cut::Nowhere } else { Cut::Every(1000) };
            let loaded = gate::load_before(upstream.clone(), options);
            let gate = loaded.gate.clone();
            let host = InProcess::new(loaded, cut);
            let mut came = send_all(policy, vectors, pass, host, rows).await;
            came.push(healthy(&gate));
            came
        }
        "embedded" => {
            let running = gate::start_before(upstream.clone(), options).await;
            let gate = running.gate.clone();
            let host = Front::new(running, upstream.clone(), pace);
            let mut came = send_all(policy, vectors, pass, host, rows).await;
            came.push(healthy(&gate));
            came.push(nothing_left(&upstream, pass, policy));
            came
        }
        "envoy" => {
            let told = envoy::snapshot(1, &vectors::policy(policy));
            let nodes = vec![envoy::NodeAt::new(upstream.serve(None).await)];
            let options = envoy::Options { nodes, ..envoy::Options::told(told) };
            let host = Front::new(envoy::Envoy::start(options).await, upstream.clone(), pace);
            let mut came = send_all(policy, vectors, pass, host, rows).await;
            came.push(nothing_left(&upstream, pass, policy));
            came
        }
        _ => {
            use conformance::workerd::{Options, Source, Workerd};
            let source = Source::of_vectors(policy).await;
            let options = Options::new(upstream.serve(None).await, &source);
            let host = Front::new(Workerd::start(options).await, upstream.clone(), pace);
            let mut came = send_all(policy, vectors, pass, host, rows).await;
            came.push(nothing_left(&upstream, pass, policy));
            came
        }
    }
}

/// Sends every vector to `host` and to the library, and compares.
async fn send_all(
    policy: &str,
    vectors: &[Vector],
    pass: Pass,
    host: impl Host,
    rows: &[Row],
) -> Vec<Came> {
    let library = Filters::at(Moment::real().0).under(policy, Cut::Nowhere);
    let mut host = Beside::new(host, library);
    let mut sent = Vec::new();
    for (number, vector) in vectors.iter().enumerate() {
        if pass.pace == Pace::Http2 && !http2::can_say(vector) {
            continue;
        }
        // Each client is in a network of its own.
        let client = format!("2001:db8:{number:x}::1");
        let what = format!("{}, {:?}", pass.host, pass.pace);
        // A body that this host takes is never withheld from it.
        let takes = |row: &Row| row.is_about(pass.host, vector) && row.allows_status(200);
        host.staged = pass.pace == Pace::Staged && !rows.iter().any(takes);
        let came = perform(vector, &mut host, &client, &what).await;
        sent.push((vector, came, std::mem::take(&mut host.reference_answers)));
    }
    let mut all = Vec::new();
    for (vector, mut sent, ours) in sent {
        host.host.learn(&mut sent).await;
        let mut came = Came::of(vector);
        for (sent, ours) in sent.iter().zip(&ours) {
            match compare::compare(pass.host, vector, sent, ours, rows) {
                Ok(None) => {}
                Ok(Some(row)) => came.differed.push(row),
                Err(error) => {
                    came.failed = Some(error);
                    break;
                }
            }
        }
        all.push(came);
    }
    all
}

/// Nothing went wrong inside, and the canary of the rejection cache is silent.
fn healthy(gate: &filter_wasmtime::Gate) -> Came {
    let (stats, metrics) = (gate.stats(), gate.metrics());
    let right = (stats.traps, stats.deadlines, stats.rebuilds, stats.live_contexts) == (0, 0, 0, 0)
        && metrics.get("lunette.rejection_cache.false_rejections") == Some(&0);
    Came::of_host((!right).then(|| format!("{stats:?}, {metrics:?}")))
}

/// The upstream saw nothing that no answer told of.
fn nothing_left(upstream: &Recorder, pass: Pass, policy: &str) -> Came {
    let left = upstream.pop();
    Came::of_host(left.map(|left| format!("{pass:?}, {policy}: nobody knew of {left:?}")))
}
