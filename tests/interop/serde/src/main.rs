// SPDX-License-Identifier: MIT
//! A client of valved and of calc_server on serde: enums declared in the ordinary way of Rust are
//! the protocol.
//!
//!     serde-client FILES_SOCKET CALC_SOCKET

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use std::error::Error;
use std::io::Write;
use std::marker::PhantomData;
use std::os::unix::net::UnixStream;

#[derive(Serialize)]
enum Req {
    ListAll,
    Size(String),
    Get(String),
    Exists(String),
    Del(String),
}

#[derive(Deserialize, Debug)]
struct File {
    path: String,
    size: u64,
    mtime: i64,
}

#[derive(Deserialize, Debug)]
enum Rep {
    List(Vec<File>),
    Size(u64),
    Content(ByteBuf),
    Exists(bool),
    Ok,
    Error(String),
}

#[derive(Serialize)]
enum CalcReq {
    Eval(Expr),
}

#[derive(Serialize, Clone)]
enum Expr {
    Num(i64),
    Var(String),
    Add(Box<Expr>, Box<Expr>),
    Mul(Box<Expr>, Box<Expr>),
    Let(String, Box<Expr>, Box<Expr>),
}

#[derive(Deserialize, Debug)]
enum CalcRep {
    Value(i64),
    Error(String),
}

type Items<T> = serde_cbor::StreamDeserializer<'static, serde_cbor::de::IoRead<UnixStream>, T>;

/// A connection that has one request in flight at a time.
struct Client<Q, R> {
    stream: UnixStream,
    replies: Items<(u32, R)>,
    last: u32,
    requests: PhantomData<Q>,
}

impl<Q: Serialize, R: DeserializeOwned> Client<Q, R> {
    fn connect(path: &str) -> Result<Self, Box<dyn Error>> {
        let stream = UnixStream::connect(path)?;
        let replies = serde_cbor::Deserializer::from_reader(stream.try_clone()?).into_iter();
        Ok(Client { stream, replies, last: 0, requests: PhantomData })
    }

    fn ask(&mut self, request: Q) -> Result<R, Box<dyn Error>> {
        self.last += 1;
        self.stream.write_all(&serde_cbor::to_vec(&(self.last, request))?)?;
        let (id, reply) = self.replies.next().ok_or("the server closed the connection")??;
        if id != self.last {
            return Err(format!("asked as {}, answered as {}", self.last, id).into());
        }
        Ok(reply)
    }
}

fn code(words: &str) -> &str {
    words.split(':').next().unwrap_or(words)
}

fn show(reply: Rep) {
    match reply {
        Rep::List(files) => {
            for file in files {
                println!("file {} {} {}", file.path, file.size, file.mtime);
            }
        }
        Rep::Size(size) => println!("size {size}"),
        Rep::Content(bytes) => {
            println!("content {} {}", bytes.len(), bytes.iter().map(|&b| u64::from(b)).sum::<u64>())
        }
        Rep::Exists(there) => println!("exists {there}"),
        Rep::Ok => println!("del Ok"),
        Rep::Error(words) => println!("error {}", code(&words)),
    }
}

fn use_files(path: &str) -> Result<(), Box<dyn Error>> {
    let mut files = Client::<Req, Rep>::connect(path)?;
    let mut list = match files.ask(Req::ListAll)? {
        Rep::List(list) => list,
        other => return Err(format!("no list, but {other:?}").into()),
    };
    list.sort_by(|a, b| a.path.cmp(&b.path));
    let (first, second) = (list[0].path.clone(), list[1].path.clone());

    show(Rep::List(list));
    show(files.ask(Req::Size(first.clone()))?);
    show(files.ask(Req::Get(second))?);
    show(files.ask(Req::Exists(first.clone()))?);
    show(files.ask(Req::Del(first.clone()))?);
    show(files.ask(Req::Exists(first.clone()))?);
    show(files.ask(Req::Get(first))?);
    Ok(())
}

fn use_calc(path: &str) -> Result<(), Box<dyn Error>> {
    let mut calc = Client::<CalcReq, CalcRep>::connect(path)?;
    let x = Expr::Var("x".into());
    let sum = Expr::Add(Box::new(x.clone()), Box::new(Expr::Num(1)));
    let product = Expr::Mul(Box::new(sum), Box::new(x.clone()));
    let minus_seven = Expr::Let("x".into(), Box::new(Expr::Num(-7)), Box::new(product));

    for expr in [minus_seven, x] {
        match calc.ask(CalcReq::Eval(expr))? {
            CalcRep::Value(value) => println!("value {value}"),
            CalcRep::Error(words) => println!("error {}", code(&words)),
        }
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    use_files(&arguments[1])?;
    use_calc(&arguments[2])
}
