# SPDX-License-Identifier: Apache-2.0
# /// script
# dependencies = ["boto3"]
# ///
import boto3
from botocore.exceptions import ClientError, NoCredentialsError
from botocore.stub import Stubber

session = boto3.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name="eu-west-1")
s3 = session.client("s3")
with Stubber(s3) as stub:
    stub.add_response("list_objects_v2", {"Contents": [{"Key": "x", "Size": 3}]}, {"Bucket": "box"})
    print([(item["Key"], item["Size"]) for item in s3.list_objects_v2(Bucket="box")["Contents"]])
    stub.add_client_error("get_object", "NoSuchKey")
    try:
        s3.get_object(Bucket="box", Key="y")
    except ClientError as error:
        print(error)
url = s3.generate_presigned_url("get_object", {"Bucket": "box", "Key": "x"}, ExpiresIn=60)
print(url.split("?")[0], len(session.get_available_services()) > 100, NoCredentialsError())
