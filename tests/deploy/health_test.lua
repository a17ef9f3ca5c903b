-- Rows: conditions of an InferenceService, and what Argo CD should make of them.
local script = assert(loadfile("deploy/gitops/argocd-health.lua"))

local function c(kind, status, reason)
  return { type = kind, status = status, reason = reason or kind, message = "m" }
end

local rows = {
  { "no status yet", {}, "Progressing" },
  { "status of an older generation", { metadata = { generation = 2 }, status = { observedGeneration = 1, conditions = { c("Ready", "True") } } }, "Progressing" },
  { "ready", { status = { conditions = { c("Ready", "True") } } }, "Healthy" },
  { "still forming", { status = { conditions = { c("Ready", "False"), c("RedisReady", "False", "Forming") } } }, "Progressing" },
  { "slots down", { status = { conditions = { c("Ready", "False"), c("RedisReady", "False", "Down") } } }, "Degraded" },
  { "stalled", { status = { conditions = { c("Ready", "False"), c("Stalled", "True") } } }, "Degraded" },
  { "paused", { spec = { managementPolicy = "Paused" }, status = { conditions = { c("Ready", "True") } } }, "Suspended" },
}

for _, row in ipairs(rows) do
  obj = row[2]
  obj.metadata = obj.metadata or {}
  local got = script()
  assert(got.status == row[3], row[1] .. ": " .. got.status .. ", expected " .. row[3])
  assert(type(got.message) == "string", row[1] .. ": no message")
end
