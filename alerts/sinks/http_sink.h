// SPDX-License-Identifier: Apache-2.0
// HttpSink: what all sinks over HTTP share: where the URL comes from, which answers mean what, and
// reasons without secrets. A type's file adds the body and, where a vendor has its own signs of
// success, how to read the answer. Thread rule: one lane's thread. Errors: SendResult.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "alerts/http.h"
#include "alerts/registry.h"
#include "alerts/scrub.h"

namespace tocsin {

class HttpSink : public Sink {
 public:
  explicit HttpSink(const SinkContext& context) : context_(context) {}
  const std::string& name() const override { return context_.config.name; }
  SendResult deliver(const Alert& alert) override;

 protected:
  // The body to send. `minimal`: the shortest form, after the endpoint refused the full one.
  virtual std::string body(const Alert& alert, bool minimal) const = 0;
  virtual bool has_minimal() const { return false; }
  virtual std::vector<std::pair<std::string, std::string>> headers(const Alert& alert) const;
  // An answer with a 2xx status: did it mean success? By default, yes.
  virtual bool accepted(const HttpResponse& response) const;
  // "name=value" that the URL's query must have; empty: nothing.
  virtual std::string_view query() const { return {}; }
  // A wait that the answer's body asks for (vendors' JSON); 0: none.
  virtual DurationNs body_retry_after(const HttpResponse& response) const;

  const SinkContext context_;

 private:
  SendResult send(const Secret& url, const Alert& alert, bool minimal) const;
  SendResult read_answer(const HttpResponse& response, const Scrubber& scrubber) const;
};

// The URL of a receiver as it is now: `url`, or the first line of `url_file`. An error names the
// file, not the URL.
Result<Secret> current_url(const ReceiverConfig& config);

// The whole answer is "ok" (Slack, Mattermost).
bool is_ok(const HttpResponse& response);

// How a status is to be taken (RFC 9110; Standard Webhooks, "Response codes").
SendResult::Kind kind_of_status(int status);

}  // namespace tocsin
