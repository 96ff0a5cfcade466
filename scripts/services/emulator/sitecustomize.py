"""Loaded by Python before the emulator (moto 5.2): corrects where it differs from AWS in what the stacks use."""

from importlib.metadata import version

LEAST = (5, 2, 5)
if tuple(int(part) for part in version("moto").split(".")[:3]) < LEAST:
    raise SystemExit(f"moto {version('moto')} is too old for the tests: pip install 'moto[server]==5.2.5'")

from moto.autoscaling import models as autoscaling
from moto.cloudtrail.models import CloudTrailBackend
from moto.ec2.models import EC2Backend
from moto.iam import access_control
from moto.s3.models import S3Backend
from moto.s3.responses import S3Response


# A statement whose conditions do not hold does not count ("Policy evaluation logic", IAM User Guide); moto takes it for a
# denial, and knows no condition keys of requests. Here requests count as sent by TLS, which loopback does not need.
def without_tls(conditions):
    expected = conditions.get("Bool", {}).get("aws:SecureTransport", "true")
    return "true" not in (expected if isinstance(expected, list) else [expected])


is_action_permitted = access_control.IAMPolicyStatement.is_action_permitted


def is_action_permitted_by_tls(self, *args, **kwargs):
    if without_tls(self._statement.get("Condition", {})):
        return access_control.PermissionResult.NEUTRAL
    return is_action_permitted(self, *args, **kwargs)


access_control.IAMPolicyStatement.is_action_permitted = is_action_permitted_by_tls


# The tags of a launch template are not part of what it launches.
create_launch_template = EC2Backend.create_launch_template


def create_launch_template_without_own_tags(self, name, description, template_data, tag_spec):
    launched = [
        spec for spec in template_data.get("TagSpecifications", []) if spec["ResourceType"] != "launch-template"
    ]
    return create_launch_template(
        self, name, description, {**template_data, "TagSpecifications": launched}, tag_spec
    )


EC2Backend.create_launch_template = create_launch_template_without_own_tags


# Policies are enabled unless told otherwise, and have no predictive configuration unless given one.
init_policy = autoscaling.FakeScalingPolicy.__init__


def init_enabled_policy(self, *args, **kwargs):
    init_policy(self, *args, **kwargs)
    self.enabled = True
    self.predictive_scaling_configuration = self.predictive_scaling_configuration or None


autoscaling.FakeScalingPolicy.__init__ = init_enabled_policy


# Moto knows no request metrics, and takes the requests for those that make and delete the bucket.
metrics = {}
bucket_response = S3Response._bucket_response


def bucket_response_with_metrics(self, request, full_url):
    query = self._get_querystring(request, full_url)
    if "metrics" not in query:
        return bucket_response(self, request, full_url)
    key = (self.parse_bucket_name_from_url(request, full_url), query["id"][0])
    if request.method == "PUT":
        metrics[key] = request.data
        return 200, {}, ""
    if key not in metrics:
        return 404, {}, "<Error><Code>NoSuchConfiguration</Code><Message>There is none.</Message></Error>"
    if request.method == "DELETE":
        del metrics[key]
        return 204, {}, ""
    return 200, {"Content-Type": "application/xml"}, metrics[key]


S3Response._bucket_response = bucket_response_with_metrics


# The destination of a flow log may be a folder of a bucket; no bucket has a slash in its name.
get_bucket = S3Backend.get_bucket
S3Backend.get_bucket = lambda self, name: get_bucket(self, name.split("/")[0])


# A trail may be named by its ARN.
delete_trail = CloudTrailBackend.delete_trail
CloudTrailBackend.delete_trail = lambda self, name: delete_trail(self, name.split("/")[-1])
