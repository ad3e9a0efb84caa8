//! Plain HTTP is sent on to the host that is configured.

use conformance::client;
use conformance::node::{Home, Node, free_address, get};
use conformance::tls::Authority;

use crate::certificates::Files;
use crate::cut_out;

#[tokio::test]
async fn plain_http_is_sent_on_to_our_own_host_and_reaches_nothing_else() {
    let (home, authority) = (Home::default(), Authority::default());
    let (files, plain) = (Files::signed_by(&authority), free_address().to_string());
    let redirect = ["--redirect-listen", &plain, "--redirect-authority", "img.example"];
    let node = Node::start(&home, &[&files.arguments()[..], &redirect].concat()).await;
    let key = home.development_key();
    for host in ["img.example", "evil.example"] {
        let mut request = cut_out(&key, &[("Host", host)]);
        request.target += "?a=b";
        let answer = client::send(plain.parse().unwrap(), &request, usize::MAX).await.unwrap();
        assert_eq!(answer.status, 308);
        let location = "https://img.example/v1/background-removal?a=b";
        assert_eq!(answer.header("location"), Some(location));
        assert_eq!(answer.header("strict-transport-security"), None);
    }
    let metrics = client::send(plain.parse().unwrap(), &get("/metrics"), usize::MAX).await.unwrap();
    assert_eq!((metrics.status, metrics.body.len()), (308, 0));
    assert_eq!(node.inferences().await, 0);
}
