// SPDX-License-Identifier: Apache-2.0
// webhook: the alert's JSON object, as --format ndjson prints it, to any endpoint. `webhook-id` is
// the alert's id and the same at each attempt (Standard Webhooks), so that a receiver can tell a
// repetition.
#include "alerts/sinks/http_sink.h"
#include "alerts/sinks/sinks.h"

namespace tocsin {
namespace {

class WebhookSink final : public HttpSink {
 public:
  using HttpSink::HttpSink;

 protected:
  std::string body(const Alert& alert, bool) const override {
    return render_ndjson(alert, context_.engine, context_.redactor, context_.settings.with_event);
  }
  std::vector<std::pair<std::string, std::string>> headers(const Alert& alert) const override {
    return {{"Content-Type", "application/json"}, {"webhook-id", alert.id}};
  }
};

}  // namespace

std::unique_ptr<Sink> make_webhook_sink(const SinkContext& context) {
  return std::make_unique<WebhookSink>(context);
}

}  // namespace tocsin
