//! The engines and what they say.

use jiff::Timestamp;
use jiff::ToSpan;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use super::Dice;

const FOR_FILES: [&str; 72] = [
    "Bkav",
    "Lionic",
    "Elastic",
    "MicroWorld-eScan",
    "CMC",
    "CAT-QuickHeal",
    "Skyhigh",
    "ALYac",
    "Malwarebytes",
    "Zillya",
    "Sangfor",
    "K7AntiVirus",
    "Alibaba",
    "K7GW",
    "CrowdStrike",
    "Arcabit",
    "Baidu",
    "VirIT",
    "Symantec",
    "tehtris",
    "ESET-NOD32",
    "APEX",
    "Paloalto",
    "ClamAV",
    "Kaspersky",
    "BitDefender",
    "NANO-Antivirus",
    "SUPERAntiSpyware",
    "Avast",
    "Tencent",
    "Trustlook",
    "TACHYON",
    "Emsisoft",
    "F-Secure",
    "DrWeb",
    "VIPRE",
    "TrendMicro",
    "McAfeeD",
    "Trapmine",
    "CTX",
    "Sophos",
    "SentinelOne",
    "GData",
    "Jiangmin",
    "Webroot",
    "Varist",
    "Avira",
    "Antiy-AVL",
    "Kingsoft",
    "Gridinsoft",
    "Xcitium",
    "ViRobot",
    "ZoneAlarm",
    "Microsoft",
    "Google",
    "AhnLab-V3",
    "Acronis",
    "VBA32",
    "Cylance",
    "Zoner",
    "TrendMicro-HouseCall",
    "Rising",
    "Yandex",
    "Ikarus",
    "MaxSecure",
    "Fortinet",
    "BitDefenderTheta",
    "AVG",
    "Cybereason",
    "Panda",
    "Babable",
    "DeepInstinct",
];

const FOR_URLS: [&str; 70] = [
    "ADMINUSLabs",
    "AILabs (MONITORAPP)",
    "Abusix",
    "Acronis",
    "AlienVault",
    "Antiy-AVL",
    "ArcSight Threat Intelligence",
    "AutoShun",
    "BitDefender",
    "Bkav",
    "Blueliv",
    "CLEAN MX",
    "CMC Threat Intelligence",
    "CRDF",
    "Certego",
    "Chong Lua Dao",
    "Comodo Valkyrie Verdict",
    "CrowdSec",
    "Criminal IP",
    "CyRadar",
    "Cyan",
    "Cyble",
    "DNS8",
    "Dr.Web",
    "ESET",
    "ESTsecurity",
    "EmergingThreats",
    "Emsisoft",
    "Forcepoint ThreatSeeker",
    "Fortinet",
    "G-Data",
    "Google Safebrowsing",
    "GreenSnow",
    "Heimdal Security",
    "IPsum",
    "Juniper Networks",
    "K7AntiVirus",
    "Kaspersky",
    "LevelBlue",
    "Lionic",
    "MalwareDomainList",
    "MalwarePatrol",
    "Malwared",
    "Netcraft",
    "OpenPhish",
    "PREBYTES",
    "PhishFort",
    "PhishLabs",
    "Phishing Database",
    "Phishtank",
    "PrecisionSec",
    "Quick Heal",
    "Quttera",
    "Rising",
    "SCUMWARE.org",
    "SOCRadar",
    "Sangfor",
    "Scantitan",
    "Seclookup",
    "SecureBrain",
    "Snort IP sample list",
    "Sophos",
    "Spam404",
    "StopForumSpam",
    "Sucuri SiteCheck",
    "ThreatHive",
    "Threatsourcing",
    "URLhaus",
    "Viettel Threat Intelligence",
    "zvelo",
];

const FAMILIES: [&str; 8] = [
    "Trojan.Generic",
    "Win32.Agent",
    "Emotet",
    "Trojan.Downloader",
    "Ransom.Locky",
    "HEUR:Backdoor",
    "PUA.Bundler",
    "Worm.Autorun",
];

/// All engines for a kind of object, in their order.
pub(crate) fn all(for_files: bool) -> &'static [&'static str] {
    if for_files { &FOR_FILES } else { &FOR_URLS }
}

/// Some engines of a list, each with whether it flags: `positives` of them do.
fn choose(all: &[&'static str], positives: u32, dice: &mut Dice) -> Vec<(&'static str, bool)> {
    let least = 60_u64.max(u64::from(positives)).min(all.len() as u64);
    let total = least + dice.roll(all.len() as u64 - least + 1);
    let mut ranked: Vec<(u64, usize)> = (0..all.len()).map(|place| (dice.roll(1 << 32), place)).collect();
    ranked.sort_unstable();
    let positives = usize::try_from(positives).unwrap_or(0);
    let mut chosen: Vec<(usize, bool)> = ranked
        .into_iter()
        .take(usize::try_from(total).unwrap_or(60))
        .enumerate()
        .map(|(rank, (_, place))| (place, rank < positives))
        .collect();
    chosen.sort_unstable();
    chosen
        .into_iter()
        .filter_map(|(place, detected)| Some((*all.get(place)?, detected)))
        .collect()
}

/// `scans` of a file's report.
pub(crate) fn of_file(positives: u32, scanned_at: Timestamp, dice: &mut Dice) -> Map<String, Value> {
    // Signatures are up to three days old.
    let updates = [0, 1, 2, 3].map(|days: i64| {
        let updated = scanned_at.checked_sub((24 * days).hours()).unwrap_or(scanned_at);
        TimeZone::UTC.to_datetime(updated).strftime("%Y%m%d").to_string()
    });
    let scan = |(name, detected): (&str, bool)| {
        let result = detected.then(|| dice.pick(&FAMILIES)).flatten();
        let version =
            (!dice.chance(5)).then(|| format!("{}.{}.{}", dice.roll(20), dice.roll(10), dice.roll(1000)));
        let update = (!dice.chance(3))
            .then(|| dice.pick(&updates.each_ref().map(String::as_str)))
            .flatten();
        let mut scan = Map::with_capacity(4);
        scan.insert("detected".to_owned(), detected.into());
        scan.insert("version".to_owned(), version.into());
        scan.insert("result".to_owned(), result.into());
        scan.insert("update".to_owned(), update.into());
        (name.to_owned(), Value::Object(scan))
    };
    let mut order = Dice::new(u64::from(positives), &scanned_at.to_string());
    choose(&FOR_FILES, positives, &mut order)
        .into_iter()
        .map(scan)
        .collect()
}

/// `scans` of a URL's report.
pub(crate) fn of_url(positives: u32, scanned_at: Timestamp, dice: &mut Dice) -> Map<String, Value> {
    let mut order = Dice::new(u64::from(positives), &scanned_at.to_string());
    let scan = |(name, detected): (&str, bool)| {
        let results: &[&str] = match detected {
            true => &["malware site", "phishing site", "malicious site"],
            false => &[
                "clean site",
                "clean site",
                "clean site",
                "unrated site",
                "suspicious site",
            ],
        };
        let mut scan = json!({"detected": detected, "result": dice.pick(results)});
        if let Some(fields) = scan.as_object_mut().filter(|_| name == "MalwareDomainList") {
            fields.insert(
                "detail".to_owned(),
                Value::from("http://scanner.example/lookup?q=host"),
            );
        }
        (name.to_owned(), scan)
    };
    choose(&FOR_URLS, positives, &mut order)
        .into_iter()
        .map(scan)
        .collect()
}
