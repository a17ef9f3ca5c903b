-- Argo CD's health of an InferenceService, from its conditions (kstatus):
-- argocd-cm, key resource.customizations.health.serving.everserve.dev_InferenceService
local hs = { status = "Progressing", message = "Waiting for the operator" }
local status = obj.status
if status == nil or status.conditions == nil then
  return hs
end
if status.observedGeneration ~= nil and obj.metadata.generation ~= nil
    and status.observedGeneration < obj.metadata.generation then
  hs.message = "Waiting for the operator to see generation " .. obj.metadata.generation
  return hs
end
if obj.spec ~= nil and obj.spec.managementPolicy == "Paused" then
  return { status = "Suspended", message = "managementPolicy is Paused" }
end

local by_type = {}
for _, c in ipairs(status.conditions) do
  by_type[c.type] = c
end
local function says(kind, want)
  return by_type[kind] ~= nil and by_type[kind].status == want
end
local function text(c)
  return (c.reason or "") .. ": " .. (c.message or "")
end

if says("Stalled", "True") then
  return { status = "Degraded", message = text(by_type.Stalled) }
end
if says("RolledBack", "True") then
  return { status = "Degraded", message = text(by_type.RolledBack) }
end
if says("Ready", "True") then
  return { status = "Healthy", message = text(by_type.Ready) }
end
-- Slots without an owner are no progress towards anything: say so at once.
if says("RedisReady", "False") then
  local reason = by_type.RedisReady.reason
  if reason == "Down" or reason == "Partial" then
    return { status = "Degraded", message = text(by_type.RedisReady) }
  end
end
if by_type.Ready ~= nil then
  hs.message = text(by_type.Ready)
end
return hs
