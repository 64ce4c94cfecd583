//! Certificates and proxies, with real TLS and a real proxy.

use std::io::Write;

use crate::common::{client, eicar, found, later, settings, simulator};
use simulator::{Certificate, Running};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use virustotal::{Accept, Client, Error, ProxyChoice, Settings};

fn with_ca(running: &Running) -> (Settings, tempfile::NamedTempFile) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(running.ca_pem().unwrap().as_bytes()).unwrap();
    let mut settings = settings(running);
    settings.ca_file = Some(file.path().to_owned());
    (settings, file)
}

#[tokio::test]
async fn a_certificate_of_a_named_authority_is_trusted() {
    let running = simulator().tls(true).start().await.unwrap();
    let (settings, _file) = with_ca(&running);
    let answers = Client::new(settings)
        .unwrap()
        .file_reports(&[eicar()], Accept::Fresh, &later())
        .await;
    assert!(found(&answers[0]), "{answers:?}");
}

#[tokio::test]
async fn a_bad_certificate_gets_no_key_and_one_clear_sentence() {
    for (kind, words) in [
        (Certificate::Expired, "it has expired"),
        (Certificate::WrongHost, "it was issued for another host"),
    ] {
        let running = simulator().tls(true).tls_certificate(kind).start().await.unwrap();
        let (settings, _file) = with_ca(&running);
        let error = Client::new(settings)
            .unwrap()
            .file_reports(&[eicar()], Accept::Fresh, &later())
            .await
            .pop()
            .unwrap()
            .unwrap_err();
        assert!(
            matches!(&error, Error::Certificate { detail } if detail == words),
            "{error:?}"
        );
        assert!(running.calls().is_empty());
    }
    for kind in [Certificate::Good, Certificate::SelfSigned] {
        let running = simulator().tls(true).tls_certificate(kind).start().await.unwrap();
        let error = client(&running)
            .file_reports(&[eicar()], Accept::Fresh, &later())
            .await
            .pop()
            .unwrap()
            .unwrap_err();
        assert!(matches!(&error, Error::Certificate { .. }), "{error:?}");
        assert!(running.calls().is_empty());
    }
}

#[tokio::test]
async fn verification_can_be_switched_off() {
    let running = simulator()
        .tls(true)
        .tls_certificate(Certificate::Expired)
        .start()
        .await
        .unwrap();
    let mut settings = settings(&running);
    settings.verify_tls = false;
    assert!(found(
        &Client::new(settings)
            .unwrap()
            .file_reports(&[eicar()], Accept::Fresh, &later())
            .await[0]
    ));
}

/// A proxy for one connection: gives the head it was sent, and passes everything on.
async fn proxy(target: std::net::SocketAddr) -> (String, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://user:pass@{}", listener.local_addr().unwrap());
    let served = tokio::spawn(async move {
        let (mut inside, _) = listener.accept().await.unwrap();
        let mut outside = TcpStream::connect(target).await.unwrap();
        let mut head = vec![0; 8192];
        let length = inside.read(&mut head).await.unwrap();
        head.truncate(length);
        let text = String::from_utf8_lossy(&head).into_owned();
        if text.starts_with("CONNECT ") {
            inside.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        } else {
            outside.write_all(&head).await.unwrap();
        }
        tokio::spawn(async move { tokio::io::copy_bidirectional(&mut inside, &mut outside).await });
        text
    });
    (address, served)
}

#[tokio::test]
async fn calls_go_through_the_proxy_of_the_settings() {
    for tls in [false, true] {
        let running = simulator().tls(tls).start().await.unwrap();
        let target = running
            .origin()
            .rsplit('/')
            .next()
            .unwrap()
            .replace("localhost", "127.0.0.1")
            .parse()
            .unwrap();
        let (address, served) = proxy(target).await;
        let (mut settings, _file) = match tls {
            true => with_ca(&running),
            false => (settings(&running), tempfile::NamedTempFile::new().unwrap()),
        };
        settings.proxy = ProxyChoice::Url(address.into());
        let answers = Client::new(settings)
            .unwrap()
            .file_reports(&[eicar()], Accept::Fresh, &later())
            .await;
        assert!(found(&answers[0]), "{answers:?}");
        let head = served.await.unwrap();
        assert!(
            head.starts_with(if tls { "CONNECT " } else { "POST http://" }),
            "{head}"
        );
        assert!(
            head.to_lowercase().contains("proxy-authorization: basic "),
            "{head}"
        );
    }
}
