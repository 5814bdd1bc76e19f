//! As much HTTP as a test and a bench need: a connection that is kept, requests whose
//! length is known.

use std::io::{BufRead, BufReader, Read, Result, Write};
use std::net::TcpStream;
use std::time::Duration;

/// A connection to a server.
pub(crate) struct Client {
    host: String,
    stream: BufReader<TcpStream>,
}

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Client {
    /// To an address as the program prints it: `http://127.0.0.1:8000`.
    pub(crate) fn new(address: &str) -> Result<Self> {
        let host = address.trim_start_matches("http://").to_owned();
        let stream = TcpStream::connect(&host)?;
        stream.set_nodelay(true)?;
        // A server that hangs fails whoever waits, instead of hanging it.
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        let stream = BufReader::new(stream);
        Ok(Self { host, stream })
    }

    /// Sends a request and waits for its answer.
    pub(crate) fn ask(
        &mut self,
        request: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Answer> {
        let mut bytes = format!("{request} HTTP/1.1\r\n").into_bytes();
        if !headers.iter().any(|(name, _)| *name == "Host") {
            bytes.extend(format!("Host: {}\r\n", self.host).bytes());
        }
        for (name, value) in headers {
            bytes.extend(format!("{name}: {value}\r\n").bytes());
        }
        bytes.extend(format!("Content-Length: {}\r\n\r\n", body.len()).bytes());
        bytes.extend(body);
        self.send(&bytes)?;
        if request.starts_with("HEAD ") {
            return self.head();
        }
        self.answer()
    }

    /// Sends bytes as they are.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    /// All that comes until the server closes the connection.
    pub(crate) fn rest(mut self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.stream.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Waits for an answer with a body.
    pub(crate) fn answer(&mut self) -> Result<Answer> {
        let mut answer = self.head()?;
        let length = answer.header("content-length").unwrap_or_default();
        answer.body = vec![0; length.parse().unwrap_or(0)];
        self.stream.read_exact(&mut answer.body)?;
        Ok(answer)
    }

    /// Waits for an answer's head.
    pub(crate) fn head(&mut self) -> Result<Answer> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line)?;
            match line.trim_end() {
                "" => break,
                line => lines.push(line.to_owned()),
            }
        }
        let status = lines
            .first()
            .and_then(|line| line.split(' ').nth(1)?.parse().ok());
        let headers = lines
            .iter()
            .skip(1)
            .filter_map(|line| line.split_once(": "));
        let headers = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned()));
        Ok(Answer {
            status: status.ok_or(std::io::ErrorKind::UnexpectedEof)?,
            headers: headers.collect(),
            body: Vec::new(),
        })
    }
}

impl Answer {
    /// The value of the header of this name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(header, _)| header == name);
        found.map(|(_, value)| value.as_str())
    }
}
