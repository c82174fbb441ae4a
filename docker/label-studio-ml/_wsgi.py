"""What gunicorn serves where the official runner stands in for our own server."""

from label_studio_ml.api import init_app

from backend.label_studio_ml_model import AnywordModel

app = init_app(model_class=AnywordModel)
