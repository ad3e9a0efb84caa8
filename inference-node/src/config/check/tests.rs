use super::*;
use crate::config::RedisUrl;

fn machine() -> Machine {
    Machine {
        data: Some("/home/me/.local/share".into()),
        cache: Some("/home/me/.cache".into()),
        program: "/opt/lunette".into(),
        cores: 6,
    }
}

fn load(text: &str) -> Result<Config, ConfigError> {
    let file = toml::from_str(text).unwrap();
    check(CommonFlags::default(), ServeFlags::default(), file, &machine())
}

fn problem(text: &str) -> String {
    load(text).unwrap_err().to_string()
}

#[test]
fn an_empty_configuration_is_a_loopback_development_machine() {
    let config = load("").unwrap();
    assert_eq!((config.mode, config.environment), (Mode::Development, Environment::Test));
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.operator.to_string(), "127.0.0.1:9090");
    assert_eq!(config.gate, Gate::Embedded);
    assert_eq!(config.gates, [GateKey { gate: "embedded".into(), version: 1 }]);
    assert_eq!((config.threads, config.gate_vms, config.decode_threads), (6, 6, 6));
    assert_eq!(config.filter, PathBuf::from("/opt/lunette/filter_proxy_wasm.wasm"));
    assert_eq!(config.data, PathBuf::from("/home/me/.local/share/lunette"));
    assert_eq!(config.models, PathBuf::from("/home/me/.cache/lunette/models"));
    assert_eq!(config.policy, PolicySource::built_in().unwrap());
    assert_eq!((config.upload.total, config.upload.per_key), (256 << 20, 64 << 20));
    assert_eq!(config.upload.minimum_rate, 16 << 10);
    let deadline = Duration::from_secs(30);
    assert_eq!(config.queue, Queue { waiting: 16, deadline, batch: 0, pixels: 50_000_000 });
    assert_eq!(config.background, ["u2netp"]);
    assert_eq!((config.signing_realms, config.accept_report), (vec![1], true));
    assert!(config.token_secrets.is_empty());
}

#[test]
fn only_development_takes_what_was_only_reported_unless_it_is_told_to() {
    assert!(!load("mode = \"production\"").unwrap().accept_report);
    assert!(load("mode = \"production\"\naccept_report = true").unwrap().accept_report);
    assert!(!load("accept_report = false").unwrap().accept_report);
}

#[test]
fn one_realm_is_live_or_two_while_they_change() {
    assert_eq!(load("signing_realms = [2, 1]").unwrap().newest_realm(), 2);
    for realms in ["[]", "[0]", "[1, 1]", "[1, 2, 3]"] {
        let problem = problem(&format!("signing_realms = {realms}"));
        assert!(problem.starts_with(&format!("signing_realms: {realms}")), "{problem}");
    }
}

#[test]
fn the_secret_of_a_token_issuer_has_a_name_without_a_colon() {
    let config = load("[token_secrets]\ncorp = \"/etc/corp.secret\"").unwrap();
    assert_eq!(config.token_secrets["corp"], PathBuf::from("/etc/corp.secret"));
    for name in ["a:b", "a b", ""] {
        let problem = problem(&format!("[token_secrets]\n\"{name}\" = \"x\""));
        assert!(problem.starts_with(&format!("token_secrets: {name:?}")), "{problem}");
    }
    let many: Vec<String> = (0..17).map(|n| format!("n{n} = \"x\"")).collect();
    let problem = problem(&format!("[token_secrets]\n{}", many.join("\n")));
    assert!(problem.ends_with("expected at most 16, got 17"), "{problem}");
}

#[test]
fn a_listener_that_others_can_reach_implies_production() {
    for address in ["0.0.0.0:80", "192.0.2.1:80", "[::]:80", "[2001:db8::1]:80"] {
        let config = load(&format!("listen = \"{address}\"")).unwrap();
        assert_eq!((config.mode, config.environment), (Mode::Production, Environment::Live));
        let problem = problem(&format!("listen = \"{address}\"\nmode = \"development\""));
        assert!(problem.starts_with("mode: ") && problem.contains(address), "{problem}");
    }
    for address in ["127.9.9.9:80", "[::1]:80"] {
        let config = load(&format!("listen = \"{address}\"")).unwrap();
        assert_eq!(config.mode, Mode::Development, "{address}");
    }
    assert_eq!(load("mode = \"production\"").unwrap().environment, Environment::Live);
}

#[test]
fn the_operator_listener_is_loopback_and_not_the_public_one() {
    assert!(problem("operator = \"0.0.0.0:9090\"").starts_with("operator: 0.0.0.0:9090"));
    assert!(problem("listen = \"127.0.0.1:9090\"").contains("expected another port"));
    assert!(load("listen = \"127.0.0.1:0\"\noperator = \"127.0.0.1:0\"").is_ok());
}

#[test]
fn the_operator_listens_elsewhere_only_where_clients_need_a_certificate() {
    let tls = "[operator_tls]\ncertificate = \"c\"\nkey = \"k\"";
    let operator = "operator = \"0.0.0.0:9090\"";
    let problem = problem(&format!("{operator}\n{tls}"));
    assert!(problem.contains("operator_tls.client_ca"), "{problem}");
    let config = load(&format!("{operator}\n{tls}\nclient_ca = \"ca\"")).unwrap();
    assert_eq!(config.operator_tls.unwrap().client_ca, Some("ca".into()));
    assert_eq!(load(tls).unwrap().operator_tls.unwrap().client_ca, None);
}

#[test]
fn tls_has_a_certificate_and_a_key() {
    assert!(load("").unwrap().tls.is_none());
    for (lines, setting) in [
        ("[tls]\nkey = \"k\"", "tls.certificate: "),
        ("[tls]\ncertificate = \"c\"", "tls.key: "),
        ("[tls]\nclient_ca = \"ca\"", "tls.certificate: "),
        ("[operator_tls]\nkey = \"k\"", "operator_tls.certificate: "),
        ("[operator_tls]\ncertificate = \"c\"", "operator_tls.key: "),
    ] {
        let problem = problem(lines);
        assert!(problem.starts_with(setting), "{problem}");
    }
}

#[test]
fn several_nodes_share_a_store_whose_password_is_not_in_the_configuration() {
    assert_eq!((load("").unwrap().nodes, load("").unwrap().shared), (1, None));
    let problem = |text: &str| load(text).unwrap_err().to_string();
    let alone = problem("nodes = 2");
    assert!(alone.starts_with("nodes: 2") && alone.contains("shared.redis"), "{alone}");
    assert!(problem("nodes = 0").starts_with("nodes: 0: expected 1 to "));
    let redis = |url: &str| format!("nodes = 2\n[shared]\nredis = \"{url}\"");
    let shared = load(&redis("redis://127.0.0.1:6379/1")).unwrap().shared.unwrap();
    assert_eq!(shared.redis, RedisUrl::Plain("redis://127.0.0.1:6379/1".into()));
    let secret = problem(&redis("rediss://me:hush@redis.internal"));
    assert!(secret.contains("shared.redis_file") && !secret.contains("hush"), "{secret}");
    assert!(problem(&redis("http://127.0.0.1")).starts_with("shared.redis: expected a URL"));
    let both = problem("[shared]\nredis = \"redis://a\"\nredis_file = \"b\"");
    assert!(both.contains("one of them"), "{both}");
    let file = load("nodes = 2\n[shared]\nredis_file = \"b\"").unwrap().shared.unwrap();
    assert_eq!(file.redis, RedisUrl::File("b".into()));
}

#[test]
fn an_external_gate_has_a_name_of_its_own() {
    let config = load("gate = \"external\"\ngates = [\"envoy-1\", \"envoy-1@2\"]").unwrap();
    let versions: Vec<_> =
        config.gates.iter().map(|key| (key.gate.as_str(), key.version)).collect();
    assert_eq!(versions, [("envoy-1", 1), ("envoy-1", 2)]);
    for (names, part) in [
        ("", "name the gates"),
        ("\"a b\"", "\"a b\""),
        ("\"a@\"", "\"a@\""),
        ("\"a@0\"", "\"a@0\""),
        ("\"a@+1\"", "\"a@+1\""),
        ("\"a@4294967296\"", "4294967296"),
        ("\"embedded\"", "choose another"),
        ("\"a\", \"a@1\"", "twice"),
    ] {
        let problem = problem(&format!("gate = \"external\"\ngates = [{names}]"));
        assert!(problem.starts_with("gates: ") && problem.contains(part), "{problem}");
    }
}

#[test]
fn a_key_may_always_upload_the_largest_body_of_the_policy() {
    let problem = problem("[upload]\ntotal = \"40MiB\"");
    assert!(problem.contains("10485760") && problem.contains("12582912"), "{problem}");
    assert!(load("[upload]\ntotal = \"40MiB\"\nshare_per_key = \"1/3\"").is_ok());
}

#[test]
fn one_image_that_takes_long_does_not_hold_up_all_others_unless_that_is_wanted() {
    let on_one_core = |text: &str| {
        let file = toml::from_str(text).unwrap();
        let machine = Machine { cores: 1, ..machine() };
        check(CommonFlags::default(), ServeFlags::default(), file, &machine).unwrap()
    };
    assert_eq!(on_one_core("").decode_threads, 2);
    assert_eq!(on_one_core("[decode]\nthreads = 0").decode_threads, 2);
    assert_eq!(on_one_core("[decode]\nthreads = 1").decode_threads, 1);
}

#[test]
fn numbers_that_cannot_be_meant_are_refused() {
    for (text, setting) in [
        ("threads = 1025", "threads: "),
        ("gate_vms = 1025", "gate_vms: "),
        ("[decode]\nthreads = 1025", "decode.threads: "),
        ("audience = \"two words\"", "audience: "),
        ("[queue]\nwaiting = 4097", "queue.waiting: "),
        ("[queue]\nbatch = 65", "queue.batch: "),
        ("[queue]\npixels = 24999999", "queue.pixels: "),
        ("model = []", "model: "),
        ("model = [\"u2net\", \"u2netp\", \"u2net\"]", "model: \"u2net\" is there twice"),
        ("[upload]\nidle = \"0s\"", "upload.idle: "),
        ("[upload]\ndeadline = \"0s\"", "upload.deadline: "),
    ] {
        let problem = problem(text);
        assert!(problem.starts_with(setting), "{problem}");
    }
}

#[test]
fn the_largest_image_of_the_policy_always_fits() {
    let queue = load("[queue]\nbatch = 4\npixels = 25000000").unwrap().queue;
    assert_eq!((queue.batch, queue.pixels), (4, 25_000_000));
}

#[test]
fn one_model_or_several_cut_out_backgrounds() {
    assert_eq!(load("model = \"u2net\"").unwrap().background, ["u2net"]);
    let both = load("model = [\"u2net\", \"u2netp\"]").unwrap();
    assert_eq!(both.background, ["u2net", "u2netp"]);
}

#[test]
fn flags_outrank_the_file() {
    let file = toml::from_str("audience = \"file\"\nthreads = 2\ndata = \"/file\"").unwrap();
    let serve = ServeFlags { audience: Some("flag".into()), ..ServeFlags::default() };
    let common = CommonFlags { data: Some("/flag".into()), ..CommonFlags::default() };
    let config = check(common, serve, file, &machine()).unwrap();
    assert_eq!((config.audience.as_str(), config.threads), ("flag", 2));
    assert_eq!(config.data, PathBuf::from("/flag"));
}

#[test]
fn without_a_home_the_places_must_be_named() {
    let homeless = Machine { data: None, cache: None, ..machine() };
    let load = |text: &str| {
        let file = toml::from_str(text).unwrap();
        check(CommonFlags::default(), ServeFlags::default(), file, &homeless)
    };
    assert!(load("models = \"/m\"").unwrap_err().to_string().contains("data = "));
    assert!(load("data = \"/d\"").unwrap_err().to_string().contains("models = "));
    assert!(load("data = \"/d\"\nmodels = \"/m\"").is_ok());
}

#[test]
fn the_commented_example_shows_every_setting_with_its_default() {
    let example = include_str!("../../../../lunette.toml");
    toml::from_str::<Settings>(example).unwrap();
    let uncommented: Vec<_> = example
        .lines()
        .map(|line| line.strip_prefix("#").filter(|rest| !rest.starts_with(' ')).unwrap_or(line))
        .collect();
    let file: Settings = toml::from_str(&uncommented.join("\n")).unwrap();
    let shown = format!("{file:?}");
    assert!(!shown.contains("None"), "a setting is missing: {shown}");
    assert!(!file.token_secrets.is_empty());
    let places = Settings {
        root_secret_file: None,
        policy: None,
        data: None,
        models: None,
        filter: None,
        kernel: None,
        token_secrets: [].into(),
        shared: file::Shared::default(),
        tls: file::Tls::default(),
        operator_tls: file::Tls::default(),
        redirect: file::Redirect::default(),
        otlp: file::Otlp::default(),
        ..file
    };
    let config = check(CommonFlags::default(), ServeFlags::default(), places, &machine()).unwrap();
    assert_eq!(config, load("").unwrap());
}

#[test]
fn plain_http_is_sent_on_only_to_a_host_that_is_named_and_speaks_tls() {
    let tls = "[tls]\ncertificate = \"a\"\nkey = \"b\"\n";
    let redirect =
        |authority| format!("[redirect]\nlisten = \"0.0.0.0:80\"\nauthority = \"{authority}\"");
    let config = load(&format!("{tls}{}", redirect("img.example:8443"))).unwrap();
    assert_eq!(config.redirect.unwrap().authority, "img.example:8443");
    for authority in ["", "https://img.example", "me@img.example", "img.example/", "a b"] {
        let problem = problem(&format!("{tls}{}", redirect(authority)));
        assert!(problem.starts_with("redirect.authority: "), "{problem}");
    }
    assert!(problem(&redirect("img.example")).starts_with("redirect.listen: nothing speaks TLS"));
    let alone = problem("[redirect]\nauthority = \"img.example\"");
    assert!(alone.starts_with("redirect.listen: "), "{alone}");
}

#[test]
fn a_certificate_of_its_own_is_for_development_alone() {
    let config = load("dev_certificate = true").unwrap();
    let file = "/home/me/.local/share/lunette/development-tls.pem";
    assert_eq!(config.tls.unwrap().certificate, PathBuf::from(file));
    for text in [
        "dev_certificate = true\nmode = \"production\"",
        "dev_certificate = true\n[tls]\ncertificate = \"a\"\nkey = \"b\"",
    ] {
        assert!(problem(text).starts_with("dev_certificate: "), "{text}");
    }
}

#[test]
fn traces_go_to_a_collector_whose_certificate_names_its_host() {
    let otlp = |url: &str| load(&format!("[otlp]\nendpoint = \"{url}\""));
    for (url, authority, path, name) in [
        ("http://127.0.0.1:4318", "127.0.0.1:4318", "/v1/traces", None),
        ("http://collector/", "collector:4318", "/v1/traces", None),
        ("http://collector:80/otlp", "collector:80", "/otlp/v1/traces", None),
        ("https://collector/otlp", "collector:443", "/otlp/v1/traces", Some("collector")),
        ("https://[::1]:4318", "[::1]:4318", "/v1/traces", Some("::1")),
    ] {
        let otlp = otlp(url).unwrap().otlp.unwrap();
        assert_eq!((otlp.authority.as_str(), otlp.path.as_str()), (authority, path));
        assert_eq!(otlp.tls.map(|tls| tls.name.to_str().into_owned()).as_deref(), name);
    }
    for url in ["collector:4318", "https://a..b", "http://me:pw@collector", "http://c/?a", ""] {
        let problem = otlp(url).unwrap_err().to_string();
        assert!(problem.starts_with("otlp.endpoint: "), "{problem}");
    }
    let ca = |url: &str| format!("[otlp]\nendpoint = \"{url}\"\nca = \"ca.pem\"");
    let tls = load(&ca("https://collector")).unwrap().otlp.unwrap().tls.unwrap();
    assert!(tls.ca.unwrap().ends_with("ca.pem"));
    assert!(problem(&ca("http://collector")).starts_with("otlp.ca: "));
}
