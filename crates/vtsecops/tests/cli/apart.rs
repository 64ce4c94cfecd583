//! A network of its own for one process, which can be cut like a cable: a network namespace, joined to this machine by a pair of interfaces.

use std::process::Command;

use reqwest::Url;
use tokio::net::{TcpListener, TcpStream};

/// The two ends of the cable. Nothing else is on it.
const HERE: &str = "10.203.77.1";
const THERE: &str = "10.203.77.2";
const NAMESPACE: &str = "vtsecops-apart";
const CABLE: &str = "vtsecops-cable";
const FAR_END: &str = "vtsecops-far";

/// The namespace; gone when it is dropped, with both ends of the cable.
pub(crate) struct Apart(());

impl Apart {
    /// `None` where namespaces can't be made: that takes root and Linux.
    pub(crate) fn new() -> Option<Self> {
        let apart = Self(());
        let mask = |address: &str| format!("{address}/30");
        let (here, there) = (mask(HERE), mask(THERE));
        let steps: [&[&str]; 6] = [
            &["netns", "add", NAMESPACE],
            &[
                "link", "add", CABLE, "type", "veth", "peer", "name", FAR_END, "netns", NAMESPACE,
            ],
            &["addr", "add", &here, "dev", CABLE],
            &["link", "set", CABLE, "up"],
            &["-n", NAMESPACE, "addr", "add", &there, "dev", FAR_END],
            &["-n", NAMESPACE, "link", "set", FAR_END, "up"],
        ];
        steps.iter().all(|step| ip(step)).then_some(apart)
    }

    /// The command, in there.
    pub(crate) fn command(&self, command: &Command) -> Command {
        let mut inside = Command::new("ip");
        inside
            .args(["netns", "exec", NAMESPACE])
            .arg(command.get_program());
        inside.args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => inside.env(name, value),
                None => inside.env_remove(name),
            };
        }
        inside
    }

    /// The address at which what has an address of this machine is reached from in there, and from here too.
    pub(crate) async fn reach(&self, address: &str) -> String {
        let mut reached = Url::parse(address).unwrap();
        let port = reached.port().unwrap();
        let listener = TcpListener::bind((HERE, 0)).await.unwrap();
        reached.set_ip_host(listener.local_addr().unwrap().ip()).unwrap();
        reached
            .set_port(Some(listener.local_addr().unwrap().port()))
            .unwrap();
        tokio::spawn(async move {
            while let Ok((mut from, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut to = TcpStream::connect(("127.0.0.1", port)).await?;
                    tokio::io::copy_bidirectional(&mut from, &mut to).await
                });
            }
        });
        reached.into()
    }

    /// From now on nothing that is sent arrives, and nobody is told.
    pub(crate) fn cut(&self) {
        assert!(ip(&["-n", NAMESPACE, "link", "set", FAR_END, "down"]));
    }

    /// As before.
    pub(crate) fn mend(&self) {
        assert!(ip(&["-n", NAMESPACE, "link", "set", FAR_END, "up"]));
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        ip(&["netns", "del", NAMESPACE]);
    }
}

fn ip(arguments: &[&str]) -> bool {
    let done = Command::new("ip").args(arguments).output();
    done.is_ok_and(|output| output.status.success())
}
